import { createRoute, type OpenAPIHono, z } from "@hono/zod-openapi";
import type { Context } from "hono";
import type { Area } from "../hub/area.ts";
import { requireAuth } from "../platform/auth/require-auth.ts";
import { clientNetwork } from "../platform/client-network.ts";
import { type FileUsage, putFile } from "../platform/files/put-file.ts";
import { serveFile } from "../platform/files/serve-file.ts";
import type { AppEnv, Failure } from "../platform/http/app-env.ts";
import { pathsBelow } from "../platform/http/areas.ts";
import { err, ok } from "../platform/result.ts";
import { defineConfig } from "../platform/variables.ts";
import { SecretValue } from "../protocol/secret.ts";
import { ERROR_CODES } from "../protocol/error-codes.ts";

/** Size limit of a note's body, bytes. */
export const NOTE_BODY_MAX_BYTES = 64;

/** Requests of an address: `quota` at once, refilled in whole seconds. */
export const NOTES_QUOTA = { quota: 70, windowMs: 60_000, inWholeSeconds: true } as const;

const notesConfigOf = defineConfig(z.object({ NOTES_SECRET: SecretValue }), (vars) => ({
  secret: vars.NOTES_SECRET,
}));

const route = createRoute({
  method: "post",
  path: "/v9/notes",
  operationId: "notes.write",
  tags: ["notes"],
  summary: "Write a note",
  security: [{ key: [] }],
  middleware: [requireAuth],
  request: {
    body: {
      required: true,
      content: { "application/json": { schema: z.object({ text: z.string().min(1) }) } },
    },
  },
  responses: {
    200: {
      description: "It is written",
      content: {
        "application/json": {
          schema: z.object({ by: z.string(), text: z.string() }).openapi("Note"),
        },
      },
    },
  },
});

/**
 * A small area that differs from those of the product in everything: its errors are `{error: string}`, pages of
 * any origin may call it, it takes small bodies and large uploads, authenticates by a key, and limits requests by
 * address in whole seconds.
 */
export const notes: Area = {
  name: "notes",
  config: { startedBy: ["NOTES_SECRET"], parse: notesConfigOf },
  hubs: [],
  owns: pathsBelow("/v9"),
  failure,
  cors: () => ({
    allows: () => true,
    methods: ["GET", "POST", "PUT"],
    requestHeaders: ["X-Key", "Content-Type"],
    exposedHeaders: ["X-RateLimit-Remaining"],
  }),
  bodyLimit: (path) =>
    path === "/v9/uploads" || path.startsWith("/v9/files/") ? null : NOTE_BODY_MAX_BYTES,
  anyBodyIsJson: false,
  async authenticate(c) {
    const key = c.req.header("X-Key");
    if (key === undefined) return err({ code: "unauthorized", detail: "Send your key in X-Key." });
    return ok({ sub: key, exp: 0, scopes: [] });
  },
  securityScheme: { key: { type: "apiKey", in: "header", name: "X-Key" } },
  rateLimitHeaders: (decisions): Record<string, string> => {
    const [decision] = decisions;
    if (decision === undefined) return {};
    if (!decision.allowed)
      return { "Retry-After": String(Math.ceil(decision.retryAfterMs / 1000)) };
    return {
      "X-RateLimit-Limit": String(decision.quota),
      "X-RateLimit-Remaining": String(decision.remaining),
    };
  },
  rateLimit: (c) => ({
    name: "notes",
    key: clientNetwork(c.req.header("CF-Connecting-IP")),
    ...NOTES_QUOTA,
  }),
  tags: [{ name: "notes", description: "Notes of a test" }],
  events: [],
  mount(app) {
    mountFiles(app);
    app.openapi(route, (c) =>
      c.json({ by: c.get("principal").sub, text: c.req.valid("json").text }, 200),
    );
    app.get("/v9/broken", () => {
      throw new Error("an unexpected failure");
    });
    app.post("/v9/uploads", async (c) => {
      const form = await c.req.raw.formData();
      const file = form.get("file");
      if (!(file instanceof File))
        return failure(c, { code: "invalid_request", detail: "No file." });
      return c.json({ name: file.name, type: file.type, size: file.size });
    });
    // Reads only the first chunk. A layer that buffers the whole body would wait for ever.
    app.put("/v9/uploads", async (c) => {
      const reader = c.req.raw.body?.getReader();
      const first = await reader?.read();
      await reader?.cancel();
      return c.json({ type: c.req.header("Content-Type"), size: first?.value?.byteLength });
    });
  },
};

/** Size limits of one file, and of all files of an owner, bytes. */
export const NOTE_FILE_MAX_BYTES = 12 * 1024 * 1024;
export const NOTE_FILES_QUOTA_BYTES = 20 * 1024 * 1024;
const FILE_TYPES: ReadonlySet<string> = new Set(["image/png", "image/svg+xml", "text/plain"]);

/** Bytes stored by each owner, and the stored files. An area of the product keeps both in one row. */
const used = new Map<string, number>();
const files = new Map<string, { readonly key: string; readonly size: number }>();

function usageOf(owner: string): FileUsage {
  const give = (bytes: number): void => void used.set(owner, (used.get(owner) ?? 0) - bytes);
  return {
    async take(bytes) {
      if ((used.get(owner) ?? 0) + bytes > NOTE_FILES_QUOTA_BYTES) return false;
      give(-bytes);
      return true;
    },
    give: async (bytes) => give(bytes),
  };
}

/** Routes for a user's own files, by name. */
function mountFiles(app: OpenAPIHono<AppEnv>): void {
  const bucketOf = (c: Context<AppEnv>): R2Bucket => {
    const { UPLOADS } = c.env;
    if (UPLOADS === undefined) throw new Error("the tests need the UPLOADS bucket");
    return UPLOADS;
  };
  const pathOf = (c: Context<AppEnv>): string =>
    `${c.get("principal").sub}/${c.req.param("name") ?? ""}`;
  /** Deletes a file. The caller has removed it from `files`, so this happens once. */
  const remove = async (c: Context<AppEnv>, file: { key: string; size: number }): Promise<void> => {
    await bucketOf(c).delete(file.key);
    await usageOf(c.get("principal").sub).give(file.size);
  };
  app.use("/v9/files/*", requireAuth);
  app.put("/v9/files/:name", async (c) => {
    const stored = await putFile(
      bucketOf(c),
      {
        key: `notes/${c.get("principal").sub}/${crypto.randomUUID()}`,
        name: c.req.param("name"),
        type: c.req.header("Content-Type"),
        body: c.req.raw.body,
      },
      {
        maxBytes: NOTE_FILE_MAX_BYTES,
        takes: (type) => FILE_TYPES.has(type),
        usage: usageOf(c.get("principal").sub),
      },
    );
    if (stored.ok) {
      const before = files.get(pathOf(c));
      files.set(pathOf(c), stored.value);
      if (before !== undefined) await remove(c, before);
      return c.json(stored.value);
    }
    const code = stored.error.kind === "too_large" ? "body_too_large" : "invalid_request";
    return failure(c, { code, detail: stored.error.kind });
  });
  app.get("/v9/files/:name", async (c) => {
    const file = files.get(pathOf(c));
    const served = file && (await serveFile(bucketOf(c), file.key, c.req.raw));
    return served ?? failure(c, { code: "not_found", detail: "No such file." });
  });
  app.delete("/v9/files/:name", async (c) => {
    const file = files.get(pathOf(c));
    files.delete(pathOf(c));
    if (file !== undefined) await remove(c, file);
    return c.json({ deleted: file !== undefined });
  });
}

/** An error as a string. `method_not_allowed` has no body. */
function failure(c: Context<AppEnv>, { code, detail, headers }: Failure): Response {
  const { status } = ERROR_CODES[code];
  if (code === "method_not_allowed") return c.body(null, status, { ...headers });
  return c.json({ error: detail }, status, { ...headers });
}
