import { vi } from "vitest";
import { z } from "zod";
import { type AccountKey, newAccountKey } from "./account-key.ts";
import { SOON } from "./soon.ts";
import { TextClient } from "./text-client.ts";
import { callWorker, SocketIoClient } from "./worker.ts";

/** What a request to sync may have besides its method and path. */
export type SyncCall = {
  readonly token?: string;
  /** A text is sent as it is, everything else as JSON. */
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
};

let networks = 0;

/** An address that no other request of the tests has, because some limits are for an address. */
function newAddress(): string {
  networks += 1;
  return `10.${networks >> 16}.${(networks >> 8) & 255}.${networks & 255}`;
}

/** Calls the Worker as a client of sync. */
export function callSync(
  method: string,
  path: string,
  { token, body, headers = {} }: SyncCall = {},
): Promise<Response> {
  return callWorker(path, {
    method,
    headers: {
      "CF-Connecting-IP": newAddress(),
      ...(token === undefined ? {} : { Authorization: `Bearer ${token}` }),
      ...headers,
    },
    ...(body === undefined ? {} : { body: typeof body === "string" ? body : JSON.stringify(body) }),
  });
}

const SignedIn = z.object({ token: z.string() });

/** An account with its key, as one of its devices uses it. */
export class SyncAccount {
  readonly key: AccountKey;
  readonly token: string;

  private constructor(key: AccountKey, token: string) {
    this.key = key;
    this.token = token;
  }

  /** Creates an account by signing in. */
  static async create(): Promise<SyncAccount> {
    return SyncAccount.signIn(await newAccountKey());
  }

  static async signIn(key: AccountKey): Promise<SyncAccount> {
    const answer = await callSync("POST", "/v1/auth", { body: await key.signs() });
    return new SyncAccount(key, SignedIn.parse(await answer.json()).token);
  }

  /** Sends a request with the account's token. */
  call(method: string, path: string, body?: unknown, headers = {}): Promise<Response> {
    return callSync(method, path, { token: this.token, body, headers });
  }

  /** @returns status and body of the answer */
  async ask(
    method: string,
    path: string,
    body?: unknown,
    headers: Readonly<Record<string, string>> = {},
  ): Promise<readonly [number, unknown]> {
    const answer = await this.call(method, path, body, headers);
    return [answer.status, await answer.json()];
  }

  /** The body of an answer, which must be 200 and have this form. */
  async get<Body extends z.ZodType>(
    schema: Body,
    method: string,
    path: string,
    body?: unknown,
    headers: Readonly<Record<string, string>> = {},
  ): Promise<z.output<Body>> {
    const [status, answer] = await this.ask(method, path, body, headers);
    if (status !== 200) throw new Error(`${method} ${path}: ${status} ${JSON.stringify(answer)}`);
    return schema.parse(answer);
  }

  /** Connects with the native dialect, by its token in the header, and waits until it is connected. */
  async connect(
    query = "",
    headers: Readonly<Record<string, string>> = {},
  ): Promise<SyncNativeClient> {
    const client = await openNative(`/v1/updates${query}`, {
      Authorization: `Bearer ${this.token}`,
      ...headers,
    });
    await client.hear("connected");
    return client;
  }

  /** Connects with Socket.IO, and waits until it is connected. */
  async connectSocketIo(about: object = {}): Promise<SyncIoClient> {
    const client = await openIo();
    client.send(`40${JSON.stringify({ token: this.token, ...about })}`);
    await client.answer("40");
    return client;
  }
}

/** Asks for a WebSocket. */
export function upgradeSync(
  path: string,
  headers: Readonly<Record<string, string>> = {},
): Promise<Response> {
  return callSync("GET", path, { headers: { Upgrade: "websocket", ...headers } });
}

async function socketOf(path: string, headers: Readonly<Record<string, string>>) {
  const { status, webSocket } = await upgradeSync(path, headers);
  if (webSocket === null) throw new Error(`the upgrade was answered with ${status}`);
  return webSocket;
}

/** Opens a socket of the native dialect. */
export async function openNative(
  path = "/v1/updates",
  headers: Readonly<Record<string, string>> = {},
): Promise<SyncNativeClient> {
  return new SyncNativeClient(await socketOf(path, headers));
}

/** Opens a socket of Socket.IO, which has not said CONNECT yet. */
export async function openIo(
  path = "/v1/updates/?EIO=4&transport=websocket",
): Promise<SyncIoClient> {
  return new SyncIoClient(await socketOf(path, {}));
}

/** An event that names no session: it changes nothing, and its answer is all that comes of it. */
const HARMLESS = "update-metadata";

const Frame = z.looseObject({
  event: z.string().optional(),
  data: z.unknown().optional(),
  ackId: z.string().optional(),
  ack: z.unknown().optional(),
});

const Update = z.object({
  id: z.string(),
  seq: z.number(),
  body: z.looseObject({ t: z.string() }),
  createdAt: z.number(),
});

/** A client of the native dialect. */
export class SyncNativeClient extends TextClient {
  #acks = 0;

  /** Sends an event. */
  say(event: string, data?: unknown): void {
    this.send(JSON.stringify({ event, data }));
  }

  /** The data of the events with this name. */
  of(event: string): unknown[] {
    return this.texts
      .map((text) => Frame.parse(JSON.parse(text)))
      .flatMap((frame) => (frame.event === event ? [frame.data] : []));
  }

  /** Waits for an event with this name. @returns its data */
  async hear(event: string, times = 1): Promise<unknown> {
    await vi.waitUntil(() => this.of(event).length >= times, SOON);
    return this.of(event)[times - 1];
  }

  /** Sends an event, and waits for its answer. */
  async ask(event: string, data?: unknown): Promise<unknown> {
    this.#acks += 1;
    const ackId = `ask-${this.#acks}`;
    this.send(JSON.stringify({ event, data, ackId }));
    const find = () =>
      this.texts.map((text) => Frame.parse(JSON.parse(text))).find((one) => one.ackId === ackId);
    await vi.waitUntil(() => find() !== undefined, SOON);
    return find()?.ack;
  }

  /** Everything that the hub had sent before now: its answer to this question comes after it. */
  async caughtUp(): Promise<this> {
    await this.ask(HARMLESS);
    return this;
  }

  /** The updates that it got. */
  get updates(): z.infer<typeof Update>[] {
    return this.of("update").map((data) => Update.parse(data));
  }
}

/** A client of Socket.IO. */
export class SyncIoClient extends SocketIoClient {
  #acks = 0;

  /** Sends an event, and waits for its answer. */
  async ask(...data: readonly unknown[]): Promise<unknown> {
    const id = this.#acks;
    this.#acks += 1;
    this.send(`42${id}${JSON.stringify(data)}`);
    const start = `43${id}[`;
    const text = await this.hears(start);
    return z.tuple([z.unknown()]).parse(JSON.parse(text.slice(start.length - 1)))[0];
  }

  /** Everything that the hub had sent before now. */
  async caughtUp(): Promise<this> {
    await this.ask(HARMLESS);
    return this;
  }

  /** The updates that it got. */
  get updates(): z.infer<typeof Update>[] {
    return this.of("update").map(([data]) => Update.parse(data));
  }
}
