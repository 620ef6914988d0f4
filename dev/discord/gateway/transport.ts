import { constants, createDeflate, deflateSync } from "node:zlib";
import type { WebSocket } from "ws";

/** Payloads below this size are not compressed one by one, bytes. */
const PAYLOAD_COMPRESSION_MIN_BYTES = 1_024;

export type Transport = ReturnType<typeof createTransport>;

/**
 * Writes payloads to one socket in order, with the compression that the client requested.
 * @param zlibStream whether one compression context is used for the whole connection (`compress=zlib-stream`)
 */
export function createTransport(socket: WebSocket, zlibStream: boolean) {
  const encode = zlibStream ? streamEncoder() : null;
  let payloadCompression = false;
  let held = false;
  let waiting: (() => void)[] = [];
  // A zlib stream compresses asynchronously, so later payloads and the close frame wait for it.
  let tail: Promise<void> = Promise.resolve();

  const later = (work: () => void | Promise<void>): void => {
    const before = tail;
    tail = (async () => {
      await before;
      if (socket.readyState === socket.OPEN) await work();
    })();
  };
  const write = async (text: string): Promise<void> => {
    if (encode !== null) return socket.send(await encode(text));
    const large = Buffer.byteLength(text) >= PAYLOAD_COMPRESSION_MIN_BYTES;
    return socket.send(payloadCompression && large ? deflateSync(text) : text);
  };
  const perform = (work: () => void): void => {
    if (held) waiting.push(work);
    else work();
  };

  return {
    send(payload: unknown): void {
      const text = JSON.stringify(payload);
      perform(() => later(() => write(text)));
    },
    /** Compresses large payloads one by one from now on (`compress` of IDENTIFY). */
    compressPayloads(): void {
      payloadCompression = encode === null;
    },
    /** True: holds everything back, like a stalled network path. False: releases it. */
    hold(next: boolean): void {
      held = next;
      if (held) return;
      const released = waiting;
      waiting = [];
      for (const work of released) work();
    },
    /** Closes after all earlier payloads were sent. */
    close(code: number, reason: string): void {
      perform(() => later(() => socket.close(code, reason)));
    },
    /** Cuts the connection: no close frame. */
    terminate(): void {
      socket.terminate();
    },
  };
}

/** Encodes texts with one shared context, each flushed so that it ends in `00 00 ff ff`. */
function streamEncoder(): (text: string) => Promise<Buffer> {
  const deflate = createDeflate({ flush: constants.Z_SYNC_FLUSH });
  let chunks: Buffer[] = [];
  deflate.on("data", (chunk: Buffer) => chunks.push(chunk));
  return (text) =>
    new Promise((resolve, reject) => {
      deflate.write(text, (error) => {
        if (error) return reject(error);
        const message = Buffer.concat(chunks);
        chunks = [];
        return resolve(message);
      });
    });
}
