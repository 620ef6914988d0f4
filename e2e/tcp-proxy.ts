import { connect, createServer, type Socket } from "node:net";

/** A network between two parts that can be cut. */
export type TcpProxy = {
  readonly port: number;
  /** Breaks every connection and refuses new ones. */
  readonly cut: () => void;
  readonly heal: () => void;
  readonly close: () => Promise<void>;
};

/** Forwards a free local port to another local port. */
export async function startTcpProxy(port: number, targetPort: number): Promise<TcpProxy> {
  const open = new Set<Socket>();
  let isCut = false;
  const server = createServer((inside) => {
    if (isCut) {
      inside.destroy();
      return;
    }
    const outside = connect(targetPort, "127.0.0.1");
    for (const [socket, peer] of [
      [inside, outside],
      [outside, inside],
    ] as const) {
      open.add(socket);
      socket.on("error", () => peer.destroy());
      socket.on("close", () => {
        open.delete(socket);
        peer.destroy();
      });
      socket.pipe(peer);
    }
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, "127.0.0.1", resolve);
  });
  const breakAll = (): void => {
    for (const socket of open) socket.destroy();
  };
  return {
    port,
    cut: () => {
      isCut = true;
      breakAll();
    },
    heal: () => {
      isCut = false;
    },
    close: () =>
      new Promise((resolve) => {
        breakAll();
        server.close(() => resolve());
      }),
  };
}
