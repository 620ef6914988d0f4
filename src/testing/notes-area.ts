import { createRoute, z } from "@hono/zod-openapi";
import type { Context } from "hono";
import type { Area } from "../hub/area.ts";
import { requireAuth } from "../platform/auth/require-auth.ts";
import { clientNetwork } from "../platform/client-network.ts";
import type { AppEnv, Failure } from "../platform/http/app-env.ts";
import { pathsBelow } from "../platform/http/areas.ts";
import { err, ok } from "../platform/result.ts";
import { defineConfig } from "../platform/variables.ts";
import { SecretValue } from "../protocol/secret.ts";
import { ERROR_CODES } from "../protocol/error-codes.ts";

/** Bytes that a note's body may have. */
export const NOTE_BODY_MAX_BYTES = 64;

/** Requests of an address: `quota` at once, filled again in whole seconds. */
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
 * A tiny area that shares nothing with those of the product: it fails with `{error: string}`, is open to
 * pages of any origin, takes small bodies and large uploads, knows people by a key, and counts everything
 * by address in whole seconds.
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
  bodyLimit: (path) => (path === "/v9/uploads" ? null : NOTE_BODY_MAX_BYTES),
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
    app.openapi(route, (c) =>
      c.json({ by: c.get("principal").sub, text: c.req.valid("json").text }, 200),
    );
    app.get("/v9/broken", () => {
      throw new Error("nobody expected this");
    });
    app.post("/v9/uploads", async (c) => {
      const form = await c.req.raw.formData();
      const file = form.get("file");
      if (!(file instanceof File))
        return failure(c, { code: "invalid_request", detail: "No file." });
      return c.json({ name: file.name, type: file.type, size: file.size });
    });
    // As much as has come: whoever buffers on the way waits for ever.
    app.put("/v9/uploads", async (c) => {
      const reader = c.req.raw.body?.getReader();
      const first = await reader?.read();
      await reader?.cancel();
      return c.json({ type: c.req.header("Content-Type"), size: first?.value?.byteLength });
    });
  },
};

/** An error as a string; another method gets no body at all. */
function failure(c: Context<AppEnv>, { code, detail, headers }: Failure): Response {
  const { status } = ERROR_CODES[code];
  if (code === "method_not_allowed") return c.body(null, status, { ...headers });
  return c.json({ error: detail }, status, { ...headers });
}
