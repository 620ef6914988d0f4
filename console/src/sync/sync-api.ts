import { hasTexts, isRecord } from "../../../src/client/json-shape.ts";
import { failed, type Outcome } from "../../../src/client/outcome.ts";
import { failureOf, UNREACHABLE } from "../../../src/client/problem.ts";
import type { AccountKeys } from "./account-keys.ts";
import { type MachineView, readMachine, readSession, type SessionView } from "./account-state.ts";
import { base64Of, type Bytes } from "./base64.ts";

/** How far the pairing of a terminal is (sync.md §2.3). */
export type PairingStatus = {
  readonly status: "not_found" | "pending" | "authorized";
  /** Whether the terminal takes a key for new data alone, and not the account's secret. */
  readonly supportsV2: boolean;
};

/** The machines and sessions of an account. */
export type Lists = {
  readonly machines: readonly MachineView[];
  readonly sessions: readonly SessionView[];
};

/** A person does not wait longer for an answer, milliseconds. */
const TIMEOUT_MS = 20_000;
/** As many as the server lists at once. */
const MACHINES_MAX = 200;

/** Fetches as the browser does. */
export type Fetch = (url: string, init: RequestInit) => Promise<Response>;

type Call = {
  readonly method: "GET" | "POST" | "DELETE";
  readonly path: string;
  readonly token?: string;
  readonly body?: object;
};

/** The calls of the page to sync (sync.md §2, §3). Their outcomes are values; none rejects. */
export class SyncApi {
  readonly #fetch: Fetch;

  constructor(send: Fetch = (url, init) => fetch(url, init)) {
    this.#fetch = send;
  }

  /** Signs in; the first time this creates the account. @returns a token */
  async signIn({ publicKey, sign }: AccountKeys): Promise<Outcome<string>> {
    const challenge = crypto.getRandomValues(new Uint8Array(32));
    const signature = base64Of(await sign(challenge));
    const body = { publicKey, challenge: base64Of(challenge), signature };
    return this.#ask({ method: "POST", path: "/v1/auth", body }, textIn("token"));
  }

  /** Revokes all tokens of the account, this one too. */
  async revokeAll(token: string): Promise<Outcome<true>> {
    return this.#ask({ method: "POST", path: "/v1/auth/revoke", token }, () => true);
  }

  /** A ticket for one WebSocket. */
  async ticket(token: string): Promise<Outcome<string>> {
    return this.#ask({ method: "POST", path: "/v1/websocket/ticket", token }, textIn("ticket"));
  }

  /** What the account has now. */
  async lists(token: string): Promise<Outcome<Lists>> {
    const [machines, sessions] = await Promise.all([
      this.#ask(
        { method: "GET", path: `/v1/machines?limit=${MACHINES_MAX}`, token },
        rowsIn("machines", readMachine),
      ),
      this.#ask({ method: "GET", path: "/v1/sessions", token }, rowsIn("sessions", readSession)),
    ]);
    if (!machines.ok) return machines;
    if (!sessions.ok) return sessions;
    return { ok: true, value: { machines: machines.value, sessions: sessions.value } };
  }

  /** Removes a machine. Its sessions stay. */
  async removeMachine(token: string, id: string): Promise<Outcome<true>> {
    const path = `/v1/machines/${encodeURIComponent(id)}`;
    return this.#ask({ method: "DELETE", path, token }, () => true);
  }

  async pairingStatus(terminal: Bytes): Promise<Outcome<PairingStatus>> {
    const query = new URLSearchParams({ publicKey: base64Of(terminal) }).toString();
    return this.#ask({ method: "GET", path: `/v1/auth/request/status?${query}` }, statusIn);
  }

  /** Lets a terminal in. @param response for the terminal alone to read */
  async approve(token: string, terminal: Bytes, response: Bytes): Promise<Outcome<true>> {
    const body = { publicKey: base64Of(terminal), response: base64Of(response) };
    return this.#ask({ method: "POST", path: "/v1/auth/response", token, body }, () => true);
  }

  /** @param read reads the answer; undefined: it has another shape than sync's */
  async #ask<T>(
    { method, path, token, body }: Call,
    read: (body: unknown) => T | undefined,
  ): Promise<Outcome<T>> {
    let response: Response;
    try {
      response = await this.#fetch(path, {
        method,
        headers: {
          // Lists are for those who send this without what was deleted.
          "X-Happy-Client": "guildhub-page",
          ...(token !== undefined && { Authorization: `Bearer ${token}` }),
          ...(body !== undefined && { "Content-Type": "application/json" }),
        },
        ...(body !== undefined && { body: JSON.stringify(body) }),
        signal: AbortSignal.timeout(TIMEOUT_MS),
      });
    } catch {
      return failed(UNREACHABLE);
    }
    const answer: unknown = await response.json().catch(() => undefined);
    const value = response.ok ? read(answer) : undefined;
    if (value !== undefined) return { ok: true, value };
    const message = isRecord(answer) ? { message: answer["error"] } : undefined;
    const status = response.ok ? 502 : response.status;
    return failed(failureOf(status, response.headers.get("Retry-After"), message));
  }
}

const textIn =
  (name: string) =>
  (body: unknown): string | undefined =>
    hasTexts(body, [name]) ? body[name] : undefined;

/** Reads a list, which stands alone or in a member. What cannot be read in it is left out. */
const rowsIn =
  <T>(name: string, read: (row: unknown) => T | null) =>
  (body: unknown): readonly T[] | undefined => {
    const rows = isRecord(body) ? body[name] : body;
    return Array.isArray(rows) ? rows.flatMap((row: unknown) => read(row) ?? []) : undefined;
  };

function statusIn(body: unknown): PairingStatus | undefined {
  if (!isRecord(body)) return undefined;
  const { status, supportsV2 } = body;
  if (status !== "not_found" && status !== "pending" && status !== "authorized") return undefined;
  return { status, supportsV2: supportsV2 === true };
}
