import { openLeanSocket, ownAddress, type LeanSocket } from "../../dev/testing/wire/lean-socket.ts";
import type { Client } from "./clients.ts";
import { inTime } from "./in-time.ts";

/** What happens on a connection. */
export type ConnectionEvents = {
  /** A text frame. Its payload is valid only during the call. */
  readonly onText: (payload: Buffer, socket: LeanSocket) => void;
  /** It was served, and is over now. */
  readonly onEnd: (code: number) => void;
};

/** Connects a client, and waits until it is served. @throws when it is refused or takes too long */
export async function connectClient(
  client: Client,
  { onText, onEnd }: ConnectionEvents,
): Promise<LeanSocket> {
  const { port, path, headers, hello, greeting } = await client.entry();
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  let isServed = false;
  const serve = (): void => {
    isServed = true;
    resolve();
  };
  const socket = openLeanSocket(
    {
      url: new URL(path, `ws://127.0.0.1:${port}`),
      headers: { ...ownAddress(), ...headers },
      ...(hello === undefined ? {} : { hello }),
    },
    {
      onOpen: () => {
        if (greeting === undefined) serve();
      },
      onText: (payload) => {
        if (!isServed && greeting !== undefined && payload.includes(greeting)) serve();
        onText(payload, socket);
      },
      onClose: (code) => {
        if (isServed) onEnd(code);
        else reject(new Error(`closed with ${code}`));
      },
      onRefused: (status) => reject(new Error(`upgrade refused with ${status}`)),
    },
  );
  try {
    await inTime(promise, () => `no ${greeting ?? "upgrade"}`);
  } catch (error) {
    socket.terminate();
    throw error;
  }
  return socket;
}
