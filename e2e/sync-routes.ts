import { generateKeyPairSync, randomBytes, sign } from "node:crypto";
import { readFile } from "node:fs/promises";
import path from "node:path";
import { decodeJwt } from "jose";
import { z } from "zod";

const Document = z.object({
  paths: z.record(
    z.string(),
    z.record(
      z.string(),
      z.object({
        tags: z.array(z.string()),
        responses: z.record(z.string(), z.unknown()),
        parameters: z
          .array(
            z.object({
              name: z.string(),
              in: z.string(),
              required: z.boolean().optional(),
              schema: z.object({ example: z.unknown().optional() }).optional(),
            }),
          )
          .optional(),
        requestBody: z
          .object({ content: z.record(z.string(), z.object({ example: z.unknown() })) })
          .optional(),
      }),
    ),
  ),
});

/** A request to sync that succeeds, but for the second time where something is deleted or revoked. */
export type SyncRoute = {
  /** As the OpenAPI document names it: `GET /v1/sessions`. */
  readonly name: string;
  readonly method: string;
  readonly path: string;
  /** undefined: none. */
  readonly body: unknown;
  readonly token: string;
};

/** Routes that a stack without ElevenLabs, and without the log for debugging, refuses. */
export const NOT_SET_UP: readonly string[] = [
  "POST /v1/voice/token",
  "POST /logs-combined-from-cli-and-mobile-for-simple-ai-debugging",
];

/**
 * All other routes of sync, with the examples of the OpenAPI document, for an account that has one of everything. What
 * deletes comes late, and what revokes comes last: nothing succeeds after it.
 * @param url origin of the Worker
 */
export async function syncRoutes(url: string): Promise<SyncRoute[]> {
  const file = path.join(import.meta.dirname, "../docs/spec/openapi.json");
  const { paths } = Document.parse(JSON.parse(await readFile(file, "utf8")));
  const token = await newAccount(url);
  const post = async (where: string, body: object): Promise<unknown> => {
    const headers = { Authorization: `Bearer ${token}` };
    const answer = await fetch(url + where, {
      method: "POST",
      headers,
      body: JSON.stringify(body),
    });
    return answer.json();
  };
  const created = await post("/v1/sessions", { tag: "of all routes", metadata: "m" });
  const { session } = z.object({ session: z.object({ id: z.string() }) }).parse(created);
  await post("/v1/machines", { id: "of-all-routes", metadata: "m" });
  const whole = { header: "aGVhZGVy", body: "Ym9keQ==", dataEncryptionKey: "a2V5" };
  await post("/v1/artifacts", { id: "of-all-routes", ...whole });
  await post("/v1/kv", { mutations: [{ key: "of-all-routes", value: "ZGFyaw==", version: -1 }] });
  const account = z.object({ user: z.string() }).parse(decodeJwt(token)).user;
  /** What `{id}` names after each part of a path, and what the other parameters name. */
  const ids: Readonly<Record<string, string>> = {
    sessions: session.id,
    machines: "of-all-routes",
    artifacts: "of-all-routes",
    users: account,
    user: account,
  };
  const named: Readonly<Record<string, string>> = {
    sessionId: session.id,
    machineId: "of-all-routes",
    key: "of-all-routes",
    vendor: "openai",
  };
  const pathOf = (where: string): string => {
    const parts = where.split("/");
    const known = parts.map((part, at) => {
      if (!part.startsWith("{")) return part;
      const name = part.slice(1, -1);
      const value = name === "id" ? ids[parts[at - 1] ?? ""] : named[name];
      if (value === undefined) throw new Error(`${where}: say here what ${part} names`);
      return value;
    });
    return known.join("/");
  };
  const routes = Object.entries(paths).flatMap(([where, operations]) =>
    Object.entries(operations).flatMap(([method, operation]) => {
      const { tags, requestBody, responses, parameters = [] } = operation;
      const name = `${method.toUpperCase()} ${where}`;
      // An upgrade is no request that ends.
      if (!tags.includes("sync") || "101" in responses || NOT_SET_UP.includes(name)) return [];
      const query = new URLSearchParams(
        parameters
          .filter((one) => one.in === "query" && one.required === true)
          .map((one): [string, string] => [one.name, String(one.schema?.example)]),
      ).toString();
      const at = pathOf(where) + (query === "" ? "" : `?${query}`);
      const body = Object.values(requestBody?.content ?? {})[0]?.example;
      return [{ name, method: method.toUpperCase(), path: at, body, token }];
    }),
  );
  const lateness = ({ name }: SyncRoute): number =>
    name.endsWith("/revoke") ? 2 : name.startsWith("DELETE ") ? 1 : 0;
  return routes.toSorted((one, other) => lateness(one) - lateness(other));
}

/** Creates an account of sync. @returns its token */
export async function newAccount(url: string): Promise<string> {
  const { publicKey, privateKey } = generateKeyPairSync("ed25519");
  // The key itself is the end of its frame (RFC 8410 §4).
  const key = publicKey.export({ format: "der", type: "spki" }).subarray(-32);
  const challenge = randomBytes(32);
  const answer = await fetch(`${url}/v1/auth`, {
    method: "POST",
    body: JSON.stringify({
      publicKey: key.toString("base64"),
      challenge: challenge.toString("base64"),
      signature: sign(null, challenge, privateKey).toString("base64"),
    }),
  });
  return z.object({ token: z.string() }).parse(await answer.json()).token;
}
