import { applyD1Migrations, createExecutionContext, env } from "cloudflare:test";
import * as fc from "fast-check";
import { afterEach, beforeAll, expect, it, vi } from "vitest";
import { z } from "zod";
import { createApp } from "../../../app.ts";
import {
  FRAME_DEPTH_MAX,
  SYNC_BODY_MAX_BYTES,
  SYNC_BODY_PARTS_MAX,
  SYNC_CONTENT_MAX_LENGTH,
  SYNC_ENVELOPE_MAX_LENGTH,
} from "../../../protocol/limits.ts";
import { SyncAccount } from "../../../testing/sync-worker.ts";
import { sync } from "../index.ts";

const Session = z.object({ session: z.object({ id: z.string() }) });
const Added = z.object({ message: z.object({ content: z.unknown() }) });
const tooLong = (member: string) => [
  400,
  { error: `${member} may have at most ${SYNC_CONTENT_MAX_LENGTH} characters as JSON.` },
];

beforeAll(() => applyD1Migrations(env.DB, env.TEST_MIGRATIONS));
afterEach(() => {
  vi.restoreAllMocks();
});

/** An account, and the path of its session's messages. */
async function account() {
  const owner = await SyncAccount.create();
  const wanted = { tag: "t", metadata: "m" };
  const { session } = await owner.get(Session, "POST", "/v1/sessions", wanted);
  return { owner, messages: `/v1/sessions/${session.id}/messages` };
}

/** Lengths of the texts that are parsed from now on. */
function parsedLengths(): readonly number[] {
  const { parse } = JSON;
  const lengths: number[] = [];
  vi.spyOn(JSON, "parse").mockImplementation((text: string) => {
    lengths.push(text.length);
    return parse(text) as unknown;
  });
  return lengths;
}

const lists = "[],".repeat(2_000_000);
const keys = Array.from({ length: 400_000 }, (_, at) => `"k${at}":1`).join(",");

it.each([
  ["lists", `[${lists}0]`],
  ["names", `{${keys}}`],
  ["numbers", `[${"0,".repeat(SYNC_CONTENT_MAX_LENGTH)}0]`],
])("refuses a content of too many %s before it is parsed", async (_, content) => {
  const { owner, messages } = await account();
  const lengths = parsedLengths();
  const body = `{"content":${content}}`;
  expect(await owner.ask("POST", messages, body)).toEqual(tooLong("content"));
  const broadcast = `{"message":{"type":"x","timestamp":1,"payload":${content}}}`;
  const said = await owner.ask("POST", "/v1/websocket/broadcast", broadcast);
  expect(said).toEqual(tooLong("message"));
  expect(Math.max(0, ...lengths)).toBeLessThan(SYNC_CONTENT_MAX_LENGTH);
});

it("does not read a body that declares more than a content can have", async () => {
  const { owner, messages } = await account();
  const most = 6 * (SYNC_CONTENT_MAX_LENGTH + SYNC_ENVELOPE_MAX_LENGTH);
  const send = async (bytes: number) => {
    let pulls = 0;
    const body = new ReadableStream<Uint8Array>(
      {
        pull(controller) {
          pulls += 1;
          controller.enqueue(new TextEncoder().encode('{"content":1}'));
          controller.close();
        },
      },
      { highWaterMark: 0 },
    );
    const request = new Request(`https://hub.test${messages}`, {
      method: "POST",
      headers: { Authorization: `Bearer ${owner.token}`, "Content-Length": String(bytes) },
      body,
    });
    const answer = await createApp([sync]).fetch(request, env, createExecutionContext());
    return [answer.status, pulls];
  };
  expect(await send(most)).toEqual([200, 1]);
  expect(await send(most + 1)).toEqual([400, 0]);
  expect(await send(SYNC_BODY_MAX_BYTES + 1)).toEqual([413, 0]);
});

it("takes the longest content however it is written", async () => {
  const { owner, messages } = await account();
  const length = SYNC_CONTENT_MAX_LENGTH - 2;
  const escaped = `{"content":"${String.raw`\u0061`.repeat(length)}"}`;
  const added = await owner.get(Added, "POST", messages, escaped);
  expect(added.message.content).toBe("a".repeat(length));
  const spaced = `{"content":[${" \n".repeat(length)}1]}`;
  expect((await owner.get(Added, "POST", messages, spaced)).message.content).toEqual([1]);
  const many = `{"content":[${"0,".repeat(SYNC_CONTENT_MAX_LENGTH / 2 - 2)}0]}`;
  expect((await owner.ask("POST", messages, many))[0]).toBe(200);
  const over = `{"content":"${String.raw`\u0061`.repeat(length + 1)}"}`;
  expect(await owner.ask("POST", messages, over)).toEqual(tooLong("content"));
});

it("changes no content that it takes", async () => {
  const { owner, messages } = await account();
  const written = fc.tuple(fc.jsonValue({ maxDepth: 5 }), fc.constantFrom("", " ", "\t"));
  await fc.assert(
    fc.asyncProperty(written, async ([content, space]) => {
      const { message } = await owner.get(
        Added,
        "POST",
        messages,
        JSON.stringify({ content }, null, space),
      );
      expect(JSON.stringify(message.content)).toBe(JSON.stringify(content));
    }),
    { numRuns: 30 },
  );
});

it("takes few entries where no member is any JSON, and no deep ones", async () => {
  const { owner } = await account();
  const ask = (more: string) =>
    owner.ask("POST", "/v1/machines", `{"id":"m","metadata":"m","more":${more}}`);
  // Beside them: three members, and the list itself.
  const entries = (count: number) => `[${"0,".repeat(count - 4)}0]`;
  expect((await ask(entries(SYNC_BODY_PARTS_MAX)))[0]).toBe(200);
  expect(await ask(entries(SYNC_BODY_PARTS_MAX + 1))).toEqual([
    400,
    { error: expect.stringContaining(`at most ${SYNC_BODY_PARTS_MAX} entries`) },
  ]);
  const nested = (depth: number) => "[".repeat(depth) + "]".repeat(depth);
  expect((await ask(nested(FRAME_DEPTH_MAX)))[0]).toBe(200);
  expect(await ask(nested(FRAME_DEPTH_MAX + 1))).toEqual([
    400,
    { error: expect.stringContaining(`at most ${FRAME_DEPTH_MAX} levels`) },
  ]);
});

it("is no reason to read the body of somebody without a token", async () => {
  const { messages } = await account();
  const body = new ReadableStream(
    {
      pull() {
        throw new Error("it is read");
      },
    },
    { highWaterMark: 0 },
  );
  const headers = { Authorization: "Bearer no", "Content-Length": "10" };
  const request = new Request(`https://hub.test${messages}`, { method: "POST", headers, body });
  const answer = await createApp([sync]).fetch(request, env, createExecutionContext());
  expect(answer.status).toBe(401);
});
