import { openLeanSocket, ownAddress } from "../../dev/testing/wire/lean-socket.ts";
import { LOST } from "../../dev/testing/wire/wire.ts";
import { DEADLINE_MS } from "../plan.ts";
import type { Entry, Send } from "./client.ts";

/** Who listens to a connection. */
type SocketListener = {
  /** Every text frame, also the greeting; the payload is only valid during the call. */
  readonly text: (payload: Buffer, send: Send) => void;
  /** The server ended the served connection, with a code or, null, without one. Called once. */
  readonly lost: (code: number | null) => void;
};

/** One open connection. */
export type ClientSocket = { readonly send: Send; readonly close: () => Promise<void> };

/**
 * Opens a connection and waits until it is served.
 * @throws when the upgrade is refused, or the greeting does not come in time
 */
export async function openSocket(entry: Entry, listener: SocketListener): Promise<ClientSocket> {
  const { promise: served, resolve, reject } = Promise.withResolvers<void>();
  const timer = setTimeout(
    () => reject(new Error(`no ${entry.greeting ?? "upgrade"}`)),
    DEADLINE_MS,
  );
  let isServed = false;
  const serve = (): void => {
    isServed = true;
    resolve();
  };
  const greeting = entry.greeting === undefined ? null : Buffer.from(entry.greeting);
  const wire = openLeanSocket(
    {
      url: new URL(entry.path, `ws://127.0.0.1:${entry.port}`),
      headers: ownAddress(),
      ...(entry.hello === undefined ? {} : { hello: entry.hello }),
    },
    {
      onOpen: () => {
        if (greeting === null) serve();
      },
      onText: (payload) => {
        if (!isServed && greeting !== null && payload.includes(greeting)) serve();
        listener.text(payload, wire.send);
      },
      onClose: (code) => {
        if (isServed) listener.lost(code === LOST ? null : code);
        else reject(new Error(`closed with ${code}`));
      },
      onRefused: (status) => reject(new Error(`upgrade refused with ${status}`)),
    },
  );
  try {
    await served;
  } catch (error) {
    wire.terminate();
    throw error;
  } finally {
    clearTimeout(timer);
  }
  return {
    send: wire.send,
    close: () => {
      wire.terminate();
      return wire.closed;
    },
  };
}
