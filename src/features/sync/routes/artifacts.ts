import { createRoute, type OpenAPIHono, z } from "@hono/zod-openapi";
import type { Context } from "hono";
import type { AppEnv } from "../../../platform/http/app-env.ts";
import { refuse } from "../../../platform/http/areas.ts";
import type { ProblemAnswer } from "../../../platform/http/problem.ts";
import { jsonAnswer, jsonBody } from "../../../platform/openapi.ts";
import { ARTIFACT_REFUSALS, isArtifactSize } from "../artifact-rules.ts";
import { SYNC_COMMANDS } from "../hub-commands.ts";
import { failures } from "../http-dialect.ts";
import {
  Artifact,
  ArtifactHeader,
  ArtifactPart,
  ClientId,
  NewArtifact,
  Version,
} from "../records.ts";
import {
  ask,
  askExisting,
  CHANGE_FAILURES,
  FOR_ACCOUNT,
  HappyHeaders,
  HasMore,
  isHappyClient,
  ITEM_FAILURES,
  LIST_FAILURES,
  Success,
} from "./in-account.ts";

const ArtifactParam = z.object({
  id: ClientId.openapi({ param: { name: "id", in: "path" } }),
});
/** How each refusal is answered. */
const REFUSALS = {
  missing: "not_found",
  taken: "already_exists",
  "too-large": "body_too_large",
  unavailable: "unavailable",
} as const;

/** Bare for clients that send X-Happy-Client (sync.md §9). */
const OneArtifact = z.union([z.object({ artifact: Artifact }), Artifact]);

const listRoute = createRoute({
  ...FOR_ACCOUNT,
  operationId: "sync.artifacts",
  method: "get",
  path: "/v1/artifacts",
  summary: "The artifacts of the account without their bodies, the last changed first",
  request: { headers: HappyHeaders },
  responses: {
    200: jsonAnswer(
      "The artifacts; for clients that send X-Happy-Client the list alone",
      z.union([
        z.object({ artifacts: z.array(ArtifactHeader), hasMore: HasMore }),
        z.array(ArtifactHeader),
      ]),
    ),
    ...LIST_FAILURES,
  },
});

const getRoute = createRoute({
  ...FOR_ACCOUNT,
  operationId: "sync.artifact",
  method: "get",
  path: "/v1/artifacts/{id}",
  summary: "One artifact with its body",
  request: { headers: HappyHeaders, params: ArtifactParam },
  responses: {
    200: jsonAnswer("The artifact; for clients that send X-Happy-Client alone", OneArtifact),
    ...ITEM_FAILURES,
  },
});

const createArtifactRoute = createRoute({
  ...FOR_ACCOUNT,
  operationId: "sync.createArtifact",
  method: "post",
  path: "/v1/artifacts",
  summary: "Create an artifact, or find the one with this id",
  description: "Ids are unique over all accounts: an id that another one has is refused with 409.",
  request: {
    headers: HappyHeaders,
    body: jsonBody(NewArtifact, {
      id: "01JAVD5V6T3Q7K0F8G9H2M4N5P",
      header: "aGVhZGVy",
      body: "Ym9keQ==",
      dataEncryptionKey: "a2V5",
    }),
  },
  responses: {
    200: jsonAnswer("The artifact; one that was there is unchanged", OneArtifact),
    ...failures(
      "invalid_request",
      "invalid_json",
      "unauthorized",
      "already_exists",
      "body_too_large",
    ),
  },
});

const Changes = z.object({
  header: ArtifactPart.nullish(),
  expectedHeaderVersion: Version.nullish(),
  body: ArtifactPart.nullish(),
  expectedBodyVersion: Version.nullish(),
});

const Changed = z.union([
  Success.extend({ headerVersion: Version.optional(), bodyVersion: Version.optional() }),
  z.object({
    success: z.literal(false),
    error: z.literal("version-mismatch"),
    currentHeaderVersion: Version.optional(),
    currentHeader: z.string().optional(),
    currentBodyVersion: Version.optional(),
    currentBody: z.string().optional(),
  }),
]);

const changeRoute = createRoute({
  ...FOR_ACCOUNT,
  operationId: "sync.changeArtifact",
  method: "post",
  path: "/v1/artifacts/{id}",
  summary: "Replace the header, the body or both, if they have the expected versions",
  description:
    "A part counts only together with its expected version. One part with another version blocks both.",
  request: {
    params: ArtifactParam,
    body: jsonBody(Changes, { header: "aGVhZGVy", expectedHeaderVersion: 1 }),
  },
  responses: {
    200: jsonAnswer("The new versions, or the parts that have another version", Changed),
    ...CHANGE_FAILURES,
  },
});

const deleteRoute = createRoute({
  ...FOR_ACCOUNT,
  operationId: "sync.deleteArtifact",
  method: "delete",
  path: "/v1/artifacts/{id}",
  summary: "Delete an artifact",
  request: { params: ArtifactParam },
  responses: { 200: jsonAnswer("It is deleted", Success), ...ITEM_FAILURES },
});

/** The artifacts of an account (sync.md §3.5). */
export function mountArtifacts(app: OpenAPIHono<AppEnv>): void {
  app.openapi(listRoute, async (c) => {
    const found = await ask(c, SYNC_COMMANDS.artifacts, {});
    if (!found.ok) return found.error;
    const { rows: artifacts, hasMore } = found.value;
    return c.json(isHappyClient(c) ? artifacts : { artifacts, hasMore }, 200);
  });

  app.openapi(getRoute, async (c) => {
    const input = c.req.valid("param");
    const found = await askExisting(c, SYNC_COMMANDS.artifact, input, ARTIFACT_REFUSALS.missing);
    if (!found.ok) return found.error;
    return c.json(isHappyClient(c) ? found.value : { artifact: found.value }, 200);
  });

  app.openapi(createArtifactRoute, async (c) => {
    const wanted = c.req.valid("json");
    if (!isArtifactSize(wanted)) return refused(c, "too-large");
    const created = await ask(c, SYNC_COMMANDS.createArtifact, wanted);
    if (!created.ok) return created.error;
    const { value } = created;
    if ("artifact" in value) return c.json(isHappyClient(c) ? value.artifact : value, 200);
    return refused(c, value.refused);
  });

  app.openapi(changeRoute, async (c) => {
    const { header, expectedHeaderVersion, body, expectedBodyVersion } = c.req.valid("json");
    const came = await ask(c, SYNC_COMMANDS.changeArtifact, {
      ...c.req.valid("param"),
      ...changeOf("header", header, expectedHeaderVersion),
      ...changeOf("body", body, expectedBodyVersion),
    });
    if (!came.ok) return came.error;
    const { value } = came;
    switch (value.result) {
      case "missing":
      case "too-large":
        return refused(c, value.result);
      case "success":
        return c.json(
          {
            success: true as const,
            headerVersion: value.header?.version,
            bodyVersion: value.body?.version,
          },
          200,
        );
      case "version-mismatch":
        return c.json(
          {
            success: false as const,
            error: value.result,
            currentHeaderVersion: value.header?.version,
            currentHeader: value.header?.value,
            currentBodyVersion: value.body?.version,
            currentBody: value.body?.value,
          },
          200,
        );
    }
  });

  app.openapi(deleteRoute, async (c) => {
    const input = c.req.valid("param");
    const had = await askExisting(
      c,
      SYNC_COMMANDS.deleteArtifact,
      input,
      ARTIFACT_REFUSALS.missing,
    );
    return had.ok ? c.json({ success: true } as const, 200) : had.error;
  });
}

function refused(c: Context<AppEnv>, why: keyof typeof REFUSALS): ProblemAnswer {
  return refuse(c, { code: REFUSALS[why], detail: ARTIFACT_REFUSALS[why] });
}

/** A part of a change; nothing if the part or its expected version is absent. */
function changeOf(
  part: "header" | "body",
  value: string | null | undefined,
  expected: number | null | undefined,
): object {
  const isGiven = typeof value === "string" && typeof expected === "number";
  return isGiven ? { [part]: { value, expected } } : {};
}
