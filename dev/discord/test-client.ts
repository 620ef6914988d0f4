import { once } from "node:events";
import { onTestFinished, vi } from "vitest";
import { WebSocket } from "ws";
import { SOON } from "../../src/testing/soon.ts";
import { type LocalDiscord, type LocalDiscordOptions, startLocalDiscord } from "./local-discord.ts";
import { PRIMARY_GUILD } from "./seed.ts";

/** Ids of the first start (`seed.ts`). */
export const GUILD = PRIMARY_GUILD;
export const CATEGORY = "100000000000000010";
export const TEXT_CHANNEL = "100000000000000011";
export const BOT = "100000000000000100";
export const PLAYER = "100000000000000301";
export const TOKEN = "token-of-the-local-bot";

/** GUILDS and GUILD_VOICE_STATES. */
export const INTENTS = (1 << 0) | (1 << 7);

/** Starts a Discord for one test. */
export async function startForTest(
  options: Partial<LocalDiscordOptions> = {},
): Promise<LocalDiscord> {
  const recordFile = process.env["DISCORD_RECORD_FILE"];
  const discord = await startLocalDiscord({
    port: 0,
    botToken: TOKEN,
    identifyIntervalMs: 0,
    // Records all exchanges of these tests, so that they can be checked against Discord's own specification.
    ...(recordFile === undefined ? {} : { recordFile }),
    ...options,
  });
  onTestFinished(() => discord.close());
  return discord;
}

/** A REST call by plain `fetch`. */
export async function call(
  { url }: LocalDiscord,
  method: string,
  path: string,
  { body, headers = {} }: { body?: unknown; headers?: Record<string, string> } = {},
): Promise<{ status: number; headers: Headers; body: Record<string, unknown> }> {
  const response = await fetch(`${url}/api/v10${path}`, {
    method,
    headers: {
      authorization: `Bot ${TOKEN}`,
      ...(body === undefined ? {} : { "content-type": "application/json" }),
      ...headers,
    },
    ...(body === undefined ? {} : { body: typeof body === "string" ? body : JSON.stringify(body) }),
  });
  const text = await response.text();
  const parsed: unknown = /^[{[]/.test(text) ? JSON.parse(text) : { text };
  return { status: response.status, headers: response.headers, body: asObject(parsed) };
}

/** A value as an object whose members a test can read. */
export function asObject(value: unknown): Record<string, unknown> {
  return Object.fromEntries(Object.entries(Object(value)));
}

/** A payload of the gateway. */
export interface Payload {
  readonly op: number;
  readonly t: string | null;
  readonly s: number | null;
  readonly d: unknown;
}

/** A minimal gateway client, for protocol errors that a real client never makes. */
export class RawClient {
  readonly received: Payload[] = [];
  /** The close code once it is closed. */
  closeCode: number | null = null;
  readonly socket: WebSocket;

  constructor({ url }: LocalDiscord, query = "?v=10&encoding=json", path = "/") {
    this.socket = new WebSocket(url.replace("http", "ws") + path + query);
    this.socket.on("message", (data: Buffer) => {
      const { op, t, s, d } = asObject(JSON.parse(data.toString()));
      this.received.push({
        op: Number(op),
        t: typeof t === "string" ? t : null,
        s: typeof s === "number" ? s : null,
        d,
      });
    });
    this.socket.on("error", () => undefined);
    this.socket.on("close", (code) => {
      this.closeCode = code;
    });
    onTestFinished(() => this.socket.terminate());
  }

  async opened(): Promise<this> {
    await once(this.socket, "open");
    return this;
  }

  send(payload: unknown): void {
    this.socket.send(typeof payload === "string" ? payload : JSON.stringify(payload));
  }

  identify(changes: Record<string, unknown> = {}): void {
    const properties = { os: "linux", browser: "test", device: "test" };
    this.send({ op: 2, d: { token: TOKEN, intents: INTENTS, properties, ...changes } });
  }

  resume(sessionId: unknown, seq: number, token = TOKEN): void {
    this.send({ op: 6, d: { token, session_id: sessionId, seq } });
  }

  /** Waits for a payload with this opcode. @returns the last one */
  async next(op: number): Promise<Payload> {
    await vi.waitUntil(() => this.received.some((payload) => payload.op === op), SOON);
    return (
      this.received.findLast((payload) => payload.op === op) ?? { op, t: null, s: null, d: null }
    );
  }

  /** Waits for a dispatch. @returns the data of the first one */
  async dispatch(event: string): Promise<Record<string, unknown>> {
    await vi.waitUntil(() => this.events().includes(event), SOON);
    return asObject(this.received.find(({ t }) => t === event)?.d);
  }

  /** Names of all dispatches so far. */
  events(): (string | null)[] {
    return this.received.filter(({ op }) => op === 0).map(({ t }) => t);
  }

  async closed(): Promise<number> {
    await vi.waitUntil(() => this.closeCode !== null, SOON);
    return this.closeCode ?? 0;
  }
}
