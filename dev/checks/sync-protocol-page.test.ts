/** docs/sync-protocol.md shows the examples that are tested, and frames that the generated document describes. */
import { readdir, readFile } from "node:fs/promises";
import path from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { z } from "zod";
import { strictSchema } from "../../src/testing/documented.ts";

const DOCS = path.resolve(import.meta.dirname, "../../docs");
const EXAMPLES = path.join(DOCS, "examples/sync");

const Schema = z.record(z.string(), z.unknown());
const Document = z.object({
  channels: z.object({
    sync: z.object({
      messages: z.record(
        z.string(),
        z.object({ name: z.string(), title: z.string(), payload: Schema }),
      ),
      "x-close-codes": z.array(z.object({ code: z.number() })),
    }),
  }),
  components: z.object({ schemas: z.record(z.string(), Schema) }),
});

let page: string;
let document: z.infer<typeof Document>;
beforeAll(async () => {
  page = await readFile(path.join(DOCS, "sync-protocol.md"), "utf8");
  document = Document.parse(
    JSON.parse(await readFile(path.join(DOCS, "spec/asyncapi.json"), "utf8")),
  );
});

const blocks = (language: string): string[] =>
  [...page.matchAll(new RegExp(`^\`\`\`${language}\n(.*?)^\`\`\`$`, "gms"))].map(
    ([, block = ""]) => block,
  );

describe("docs/sync-protocol.md", () => {
  it("shows the examples as they are tested", async () => {
    const names = (await readdir(EXAMPLES)).toSorted();
    const files = await Promise.all(
      names.map((name) => readFile(path.join(EXAMPLES, name), "utf8")),
    );
    expect(blocks("js").toSorted()).toEqual(files.toSorted());
  });

  it("shows frames that AsyncAPI describes", () => {
    const messages = Object.values(document.channels.sync.messages).filter(
      // It fits anything with a type.
      ({ title }) => title !== "broadcast by POST",
    );
    const lines = blocks("jsonl").flatMap((block) => block.trim().split("\n"));
    expect(lines.length).toBeGreaterThan(10);
    const unknown = lines.filter((line) => {
      const frame: unknown = JSON.parse(line);
      return !messages.some(
        ({ payload }) =>
          strictSchema(payload, document.components.schemas).safeParse(frame).success,
      );
    });
    expect(unknown).toEqual([]);
  });

  it("names every event, kind of update and close code", () => {
    const { messages, "x-close-codes": closes } = document.channels.sync;
    const names = Object.values(messages).flatMap(({ name, title }) => {
      const [, kind = name] = /^(?:update|ephemeral) (.+)$/.exec(title) ?? [];
      return [name, kind];
    });
    const missing = [...new Set(names)].filter(
      (name) => !page.includes(`\`${name}\``) && !page.includes(`"event":"${name}"`),
    );
    expect(missing).toEqual([]);
    expect(closes.filter(({ code }) => code !== 1000 && !page.includes(String(code)))).toEqual([]);
  });
});
