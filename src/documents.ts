import { createApp, openApiOf } from "./app.ts";
import { AREAS, channelsOf } from "./features.ts";
import { goldenFrames } from "./hub/golden-frames.ts";
import { asyncApiDocument } from "./platform/asyncapi.ts";
import { errorsPage } from "./platform/http/error-reference.ts";
import { limitsPage } from "./platform/http/limit-reference.ts";

/** The files below docs/ that are generated from the code, by name. `npm run spec` writes them. */
export function documents(): Readonly<Record<string, string>> {
  return {
    "spec/openapi.json": pretty(openApiOf(createApp(), AREAS)),
    "spec/asyncapi.json": pretty(asyncApiDocument(channelsOf(AREAS))),
    "spec/golden-frames.jsonl": goldenFrames(),
    // The commands that `npm run discord:commands` registers.
    "spec/slash-commands.json": pretty(
      AREAS.flatMap(({ slashCommands }) => slashCommands ?? []).map((one) => one.definition),
    ),
    "errors.md": errorsPage(),
    "limits.md": limitsPage(),
  };
}

function pretty(document: object): string {
  return `${JSON.stringify(document, null, 2)}\n`;
}
