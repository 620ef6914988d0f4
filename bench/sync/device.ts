import { generateKeyPairSync, randomBytes, sign } from "node:crypto";
import { openLeanSocket, ownAddress } from "../../dev/testing/wire/lean-socket.ts";
import type { Server } from "../../dev/workerd/processes.ts";
import { inTime } from "../load/in-time.ts";

/** Devices that connect at the same time. */
const CONNECTING = 16;

/** Bytes of a raw Ed25519 key at the end of its DER form (RFC 8410 §4). */
const KEY_BYTES = 32;

/** A REST request to a Happy server, with an address of its own. @throws when it is refused */
export async function post(
  { port }: Pick<Server, "port">,
  path: string,
  body: unknown,
  token?: string,
): Promise<unknown> {
  const response = await fetch(`http://127.0.0.1:${port}${path}`, {
    method: "POST",
    headers: {
      "Content-Type": "application/json",
      ...ownAddress(),
      ...(token === undefined ? {} : { Authorization: `Bearer ${token}` }),
    },
    body: JSON.stringify(body),
  });
  const text = await response.text();
  if (!response.ok) throw new Error(`POST ${path}: ${response.status} ${text}`);
  return JSON.parse(text);
}

/** Signs up with a new key. @returns the account's token */
export async function signUp(server: Pick<Server, "port">): Promise<string> {
  const { publicKey, privateKey } = generateKeyPairSync("ed25519");
  const key = publicKey.export({ format: "der", type: "spki" }).subarray(-KEY_BYTES);
  const challenge = randomBytes(32);
  const { token } = (await post(server, "/v1/auth", {
    publicKey: key.toString("base64"),
    challenge: challenge.toString("base64"),
    signature: sign(null, challenge, privateKey).toString("base64"),
  })) as { token: string };
  return token;
}

/** @returns its id */
export async function createSession(
  server: Pick<Server, "port">,
  token: string,
  tag: string,
): Promise<string> {
  const body = { tag, metadata: "m", agentState: null, dataEncryptionKey: null };
  const { session } = (await post(server, "/v1/sessions", body, token)) as {
    session: { id: string };
  };
  return session.id;
}

export async function createMachine(
  server: Pick<Server, "port">,
  token: string,
  id: string,
): Promise<void> {
  await post(server, "/v1/machines", { id, metadata: "m" }, token);
}

/** Which kind of client connects (sync.md §6.1). */
export type About =
  | { readonly clientType: "user-scoped" }
  | { readonly clientType: "session-scoped"; readonly sessionId: string }
  | { readonly clientType: "machine-scoped"; readonly machineId: string };

/** What a device hears. */
export type DeviceEars = {
  readonly onEvent?: (name: string, data: unknown) => void;
  /** A call of one of its methods. @returns the answer; undefined: none */
  readonly onCall?: (data: unknown) => string | undefined;
  /** The server has closed it, or it was lost. */
  readonly onEnd?: (code: number) => void;
};

/** A lean client of Socket.IO, as the published clients of Happy are. */
export class Device {
  readonly #send: (text: string) => void;
  readonly #waiting = new Map<number, (data: unknown) => void>();
  /** Ends its connection without a close. */
  readonly kill: () => void;
  #next = 0;

  private constructor(send: (text: string) => void, kill: () => void) {
    this.#send = send;
    this.kill = kill;
  }

  /** @throws when it is refused or not served in time */
  static async connect(
    { port }: Pick<Server, "port">,
    token: string,
    about: About,
    ears: DeviceEars = {},
  ): Promise<Device> {
    const { promise: served, resolve, reject } = Promise.withResolvers<void>();
    let isServed = false;
    const socket = openLeanSocket(
      {
        url: new URL(`ws://127.0.0.1:${port}/v1/updates/?EIO=4&transport=websocket`),
        headers: ownAddress(),
      },
      {
        onText: (payload) => {
          const text = payload.toString();
          if (text.startsWith("0{")) socket.send(`40${JSON.stringify({ token, ...about })}`);
          else if (text.startsWith("44")) reject(new Error(`refused: ${text.slice(2)}`));
          else if (text.startsWith("40")) {
            isServed = true;
            resolve();
          } else device.#hear(text, ears);
        },
        onClose: (code) => {
          reject(new Error(`closed with ${code}`));
          if (isServed) ears.onEnd?.(code);
        },
        onRefused: (status) => reject(new Error(`refused with ${status}`)),
      },
    );
    const device = new Device(
      (text) => socket.send(text),
      () => socket.terminate(),
    );
    try {
      await inTime(served, () => "a device is not served");
    } catch (error) {
      socket.terminate();
      throw error;
    }
    return device;
  }

  emit(name: string, data: unknown): void {
    this.#send(`42${JSON.stringify([name, data])}`);
  }

  /** Sends an event, and waits for its acknowledgement. */
  ask(name: string, data: unknown): Promise<unknown> {
    const { promise, resolve } = Promise.withResolvers<unknown>();
    this.#next += 1;
    this.#waiting.set(this.#next, resolve);
    this.#send(`42${this.#next}${JSON.stringify([name, data])}`);
    return promise;
  }

  /** Says that it leaves, and will not come back. The server closes. */
  leave(): void {
    this.#send("41");
  }

  #hear(text: string, { onEvent, onCall }: DeviceEars): void {
    const [, kind = "", id = "", json = ""] = /^(4\d|\d)(\d*)(.*)$/s.exec(text) ?? [];
    if (kind === "2") this.#send("3");
    else if (kind === "42") {
      const [name, data] = JSON.parse(json) as [string, unknown];
      if (id === "") onEvent?.(name, data);
      else {
        const answer = onCall?.(data);
        if (answer !== undefined) this.#send(`43${id}${JSON.stringify([answer])}`);
      }
    } else if (kind === "43") {
      const [data] = JSON.parse(json) as [unknown];
      this.#waiting.get(Number(id))?.(data);
      this.#waiting.delete(Number(id));
    }
  }
}

/** Makes many of something, some at the same time. @returns them in order */
export async function many<T>(count: number, make: (index: number) => Promise<T>): Promise<T[]> {
  const made: T[] = [];
  let next = 0;
  const work = async (): Promise<void> => {
    while (next < count) {
      const index = next++;
      made[index] = await make(index);
    }
  };
  await Promise.all(Array.from({ length: CONNECTING }, work));
  return made;
}
