import { generateKeyPairSync, randomBytes, sign } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import { z } from "zod";

const TIMEOUT_MS = 8_000;
const PAUSE_MS = 200;
/** Bytes of a raw Ed25519 key at the end of its DER form (RFC 8410 §4). */
const KEY_BYTES = 32;

/** An answer over HTTP. `status` 0: none. */
type Answer = { readonly status: number; readonly body: unknown };

/** What a request needs: where the server is, and whose token is shown. */
export type RestAt = { readonly origin: string; readonly token?: string };

/** One request. Never rejects. @param body absent: a GET */
export async function ask(at: RestAt, path: string, body?: unknown): Promise<Answer> {
  try {
    const response = await fetch(at.origin + path, {
      method: body === undefined ? "GET" : "POST",
      headers: {
        ...(at.token === undefined ? {} : { authorization: `Bearer ${at.token}` }),
        ...(body === undefined ? {} : { "content-type": "application/json" }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
    const text = await response.text();
    return { status: response.status, body: text === "" ? null : (JSON.parse(text) as unknown) };
  } catch {
    return { status: 0, body: null };
  }
}

/**
 * Asks again until the server has answered with 200.
 * @throws when it refuses, or when the signal says that it takes too long
 */
export async function askUntilAnswered<Shape extends z.ZodType>(
  at: RestAt,
  path: string,
  shape: Shape,
  signal: AbortSignal,
  body?: unknown,
): Promise<z.output<Shape>> {
  for (;;) {
    signal.throwIfAborted();
    const answer = await ask(at, path, body);
    if (answer.status === 200) return shape.parse(answer.body);
    // Lost, or while the Worker starts again.
    const comesBack = answer.status === 0 || answer.status === 429 || answer.status >= 500;
    if (!comesBack) {
      throw new Error(`${path} was answered with ${answer.status}: ${JSON.stringify(answer.body)}`);
    }
    await delay(PAUSE_MS, undefined, { signal });
  }
}

/** Signs up with a new key. @returns the account's token */
export async function signUp(origin: string, signal: AbortSignal): Promise<string> {
  const { publicKey, privateKey } = generateKeyPairSync("ed25519");
  const key = publicKey.export({ format: "der", type: "spki" }).subarray(-KEY_BYTES);
  const challenge = randomBytes(32);
  const asked = {
    publicKey: key.toString("base64"),
    challenge: challenge.toString("base64"),
    signature: sign(null, challenge, privateKey).toString("base64"),
  };
  const Token = z.object({ token: z.string() });
  return (await askUntilAnswered({ origin }, "/v1/auth", Token, signal, asked)).token;
}
