import { generateKeyPairSync, randomBytes, sign } from "node:crypto";
import { readFile } from "node:fs/promises";
import path from "node:path";
import { z } from "zod";

const Document = z.object({
  paths: z.record(
    z.string(),
    z.record(
      z.string(),
      z.object({
        tags: z.array(z.string()),
        responses: z.record(z.string(), z.unknown()),
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

/**
 * All routes of sync, with the examples of the OpenAPI document, for an account that has a session and a machine. What
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
  const ids: Readonly<Record<string, string>> = {
    sessions: session.id,
    machines: "of-all-routes",
    connect: "openai",
  };
  const routes = Object.entries(paths).flatMap(([where, operations]) =>
    Object.entries(operations).flatMap(([method, { tags, requestBody, responses }]) => {
      // An upgrade is no request that ends.
      if (!tags.includes("sync") || "101" in responses) return [];
      const at = where.replaceAll(/(\w+)\/\{\w+\}/g, (_, of: string) => `${of}/${ids[of]}`);
      const body = Object.values(requestBody?.content ?? {})[0]?.example;
      const name = `${method.toUpperCase()} ${where}`;
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
