import { createRoute, type OpenAPIHono, z } from "@hono/zod-openapi";
import type { Context, TypedResponse } from "hono";
import type { AppEnv } from "../../../platform/http/app-env.ts";
import { jsonAnswer, jsonBody } from "../../../platform/openapi.ts";
import { pageLimit } from "../../../platform/pagination.ts";
import {
  SYNC_KV_BATCH_MAX,
  SYNC_KV_KEY_MAX_LENGTH,
  SYNC_KV_PAGE_DEFAULT,
  SYNC_KV_PAGE_MAX,
} from "../../../protocol/limits.ts";
import { SYNC_COMMANDS } from "../hub-commands.ts";
import { KvConflict, KvEntry, KvKey, KvMutation, KvVersion, textUpTo } from "../records.ts";
import {
  ask,
  askExisting,
  CREATE_FAILURES,
  FOR_ACCOUNT,
  ITEM_FAILURES,
  LIST_FAILURES,
} from "./in-account.ts";

const getRoute = createRoute({
  ...FOR_ACCOUNT,
  operationId: "sync.kvEntry",
  method: "get",
  path: "/v1/kv/{key}",
  summary: "The value of a key",
  description: "Encode the key for a URL. The keys `.` and `..` can only be read in bulk.",
  request: { params: z.object({ key: KvKey.openapi({ param: { name: "key", in: "path" } }) }) },
  responses: { 200: jsonAnswer("The value", KvEntry), ...ITEM_FAILURES },
});

const KvList = z.object({ items: z.array(KvEntry) });

const listRoute = createRoute({
  ...FOR_ACCOUNT,
  operationId: "sync.kvList",
  method: "get",
  path: "/v1/kv",
  summary: "Keys that begin with a prefix, in the order of their UTF-16 units",
  request: {
    query: z.object({
      prefix: textUpTo(SYNC_KV_KEY_MAX_LENGTH)
        .default("")
        .openapi({ description: "Compared as it is: no character stands for others" }),
      limit: pageLimit(SYNC_KV_PAGE_MAX, SYNC_KV_PAGE_DEFAULT),
    }),
  },
  responses: { 200: jsonAnswer("The keys with their values", KvList), ...LIST_FAILURES },
});

const bulkRoute = createRoute({
  ...FOR_ACCOUNT,
  operationId: "sync.kvEntries",
  method: "post",
  path: "/v1/kv/bulk",
  summary: "The values of several keys",
  request: {
    body: jsonBody(z.object({ keys: z.array(KvKey).min(1).max(SYNC_KV_BATCH_MAX) }), {
      keys: ["theme", "editor:font"],
    }),
  },
  responses: {
    200: jsonAnswer("Those that have a value", z.object({ values: z.array(KvEntry) })),
    ...CREATE_FAILURES,
  },
});

const Batch = z.object({
  mutations: z
    .array(KvMutation)
    .min(1)
    .max(SYNC_KV_BATCH_MAX)
    .refine(
      (all) => new Set(all.map(({ key }) => key)).size === all.length,
      "may name a key only once",
    ),
});

const changeRoute = createRoute({
  ...FOR_ACCOUNT,
  operationId: "sync.kvChange",
  method: "post",
  path: "/v1/kv",
  summary: "Create, change and delete keys, all of them or none",
  request: {
    body: jsonBody(Batch, { mutations: [{ key: "theme", value: "ZGFyaw==", version: -1 }] }),
  },
  responses: {
    200: jsonAnswer(
      "All are done",
      z.object({ success: z.literal(true), results: z.array(KvVersion) }),
    ),
    409: jsonAnswer(
      "None is done: these keys have other versions",
      z.object({ success: z.literal(false), errors: z.array(KvConflict) }),
    ),
    ...CREATE_FAILURES,
  },
});

/** An account's own store of encrypted values (sync.md §3.11). */
export function mountKv(app: OpenAPIHono<AppEnv>): void {
  app.openapi(getRoute, async (c) => {
    const input = c.req.valid("param");
    const entry = await askExisting(c, SYNC_COMMANDS.kvEntry, input, "Key not found");
    return entry.ok ? c.json(entry.value, 200) : entry.error;
  });

  app.openapi(listRoute, async (c) => {
    const { prefix, limit } = c.req.valid("query");
    const first = await ask(c, SYNC_COMMANDS.kvList, { prefix, after: null, limit });
    if (!first.ok) return first.error;
    const { rows, hasMore } = first.value;
    if (!hasMore) return c.json({ items: rows }, 200);
    const body = inParts(c, prefix, limit, rows);
    // The route's type knows no streams.
    return c.body(body, 200, { "Content-Type": "application/json" }) as Response &
      TypedResponse<never, never, never>;
  });

  app.openapi(bulkRoute, async (c) => {
    const values = await ask(c, SYNC_COMMANDS.kvEntries, c.req.valid("json"));
    return values.ok ? c.json({ values: values.value }, 200) : values.error;
  });

  app.openapi(changeRoute, async (c) => {
    const done = await ask(c, SYNC_COMMANDS.kvChange, c.req.valid("json"));
    if (!done.ok) return done.error;
    if (done.value.result === "success") {
      return c.json({ success: true, results: done.value.results } as const, 200);
    }
    return c.json({ success: false, errors: done.value.errors } as const, 409);
  });
}

/**
 * A list that is longer than one answer of the hub may be, written while it is read. Its values may have 65 MB
 * together, and it has no pages (sync.md §0b.19).
 * @param first what the hub has answered already
 */
function inParts(
  c: Context<AppEnv>,
  prefix: string,
  limit: number,
  first: readonly KvEntry[],
): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder();
  const textOf = (rows: readonly KvEntry[]) => rows.map((row) => JSON.stringify(row)).join(",");
  let left = limit - first.length;
  let after = first.at(-1)?.key ?? null;
  return new ReadableStream({
    start: (to) => to.enqueue(encoder.encode(`{"items":[${textOf(first)}`)),
    async pull(to) {
      const part = await ask(c, SYNC_COMMANDS.kvList, { prefix, after, limit: left });
      // The status is sent already, so the client learns it by an answer that ends too early.
      if (!part.ok) return to.error(new Error("The token was revoked."));
      const { rows, hasMore } = part.value;
      if (rows.length > 0) to.enqueue(encoder.encode(`,${textOf(rows)}`));
      left -= rows.length;
      after = rows.at(-1)?.key ?? after;
      if (hasMore && left > 0) return;
      to.enqueue(encoder.encode("]}"));
      to.close();
    },
  });
}
