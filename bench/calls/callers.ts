import path from "node:path";
import { openLeanSocket, ownAddress } from "../../dev/testing/wire/lean-socket.ts";
import { CallFailed, DeskCaller } from "../../dev/testing/user-hub/desk-caller.ts";
import { bundleUserHubs, startUserHubs, userHubUrl } from "../../dev/testing/user-hub/user-hub.ts";
import type { Server } from "../../dev/workerd/processes.ts";
import { inTime } from "../load/in-time.ts";
import { startScript } from "../subjects/peers.ts";

/** How long the owner of a method may take, milliseconds. */
const TIMEOUT_MS = 30_000;

/** What a client does in the language of its server. */
type Speaker = {
  readonly register: (method: string) => Promise<void>;
  /** @throws CallFailed */
  readonly call: (method: string, params: number, timeoutMs: number) => Promise<unknown>;
  readonly hear: (text: string) => void;
};

/** A connected client. A call of its method is answered with the parameter plus one. */
export type Caller = {
  /** @throws CallFailed */
  readonly call: (method: string, params: number) => Promise<unknown>;
  readonly leave: () => void;
};

/** A started server, through which clients call each other. */
export type CallServer = Server & {
  /** Connects a client. @param method that it registers */
  readonly connect: (index: number, method: string) => Promise<Caller>;
};

const answer = (params: unknown): number => Number(params) + 1;

/** The hub of one account, with the test's extension. @param disk where its objects are; absent: in `folder` */
export async function startHub(
  folder: string,
  disk = path.join(folder, "server"),
): Promise<CallServer> {
  const bundle = await bundleUserHubs(path.join(folder, "bundle"));
  const server = await startUserHubs(bundle, disk);
  return {
    ...server,
    connect: (index, method) =>
      connect(userHubUrl(server.port, "account", `user-${index}`), method, {
        speaker: (send) => new DeskCaller(send, answer),
        greeting: '"READY"',
      }),
  };
}

/** Socket.IO, which relays calls with `emitWithAck`. */
export async function startSocketIo(folder: string): Promise<CallServer> {
  const server = await startScript(
    import.meta.resolve("../subjects/relaying-server.ts"),
    folder,
    {},
  );
  const url = new URL(`ws://127.0.0.1:${server.port}/socket.io/?EIO=4&transport=websocket`);
  return {
    ...server,
    connect: (_, method) =>
      connect(url, method, { speaker: (send) => new SocketIoCaller(send), greeting: "40{" }),
  };
}

async function connect(
  url: URL,
  method: string,
  {
    speaker,
    greeting,
  }: {
    readonly speaker: (send: (text: string) => void) => Speaker;
    /** Part of the frame that says that it is served. */
    readonly greeting: string;
  },
): Promise<Caller> {
  const { promise: served, resolve, reject } = Promise.withResolvers<void>();
  const socket = openLeanSocket(
    { url, headers: ownAddress() },
    {
      onText: (payload) => {
        const text = payload.toString();
        if (text.includes(greeting)) resolve();
        client.hear(text);
      },
      onClose: (code) => reject(new Error(`closed with ${code}`)),
      onRefused: (status) => reject(new Error(`refused with ${status}`)),
    },
  );
  const client = speaker((text) => socket.send(text));
  await inTime(served, () => "a client is not served");
  await inTime(client.register(method), () => "a method is not registered");
  return {
    call: (of, params) => client.call(of, params, TIMEOUT_MS),
    leave: () => socket.terminate(),
  };
}

/** Speaks Socket.IO's text protocol. */
class SocketIoCaller implements Speaker {
  readonly #send: (text: string) => void;
  readonly #waiting = new Map<number, (data: unknown) => void>();
  #next = 0;

  constructor(send: (text: string) => void) {
    this.#send = send;
  }

  async register(method: string): Promise<void> {
    await this.#ask("register", { method });
  }

  async call(method: string, params: number): Promise<unknown> {
    const data = await this.#ask("call", { method, params });
    if (typeof data === "number") return data;
    throw new CallFailed(JSON.stringify(data));
  }

  hear(text: string): void {
    const [, kind = "", id = "", json = ""] = /^(4[0-4]|\d)(\d*)(.*)$/.exec(text) ?? [];
    if (kind === "0") this.#send("40");
    else if (kind === "2") this.#send("3");
    else if (kind === "42") {
      const [, params] = JSON.parse(json) as [string, unknown];
      this.#send(`43${id}[${answer(params)}]`);
    } else if (kind === "43") {
      const [data] = JSON.parse(json) as [unknown];
      this.#waiting.get(Number(id))?.(data);
      this.#waiting.delete(Number(id));
    }
  }

  #ask(event: string, data: unknown): Promise<unknown> {
    const { promise, resolve } = Promise.withResolvers<unknown>();
    this.#next += 1;
    this.#waiting.set(this.#next, resolve);
    this.#send(`42${this.#next}${JSON.stringify([event, data])}`);
    return promise;
  }
}
