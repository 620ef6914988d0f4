import { connect, createServer, type Socket } from "node:net";

/** A network between two parts that can be cut, stalled, or slowed down. */
export type TcpProxy = {
  readonly port: number;
  /** Breaks every connection and refuses new ones. */
  readonly cut: () => void;
  /** Breaks every connection; new ones work. */
  readonly drop: () => void;
  /** Lets nothing through, without closing connections. */
  readonly stall: () => void;
  /** Lets this many bytes a second through, on each connection and in each direction. */
  readonly slow: (bytesPerSecond: number) => void;
  /** Lets everything through again. */
  readonly heal: () => void;
  readonly close: () => Promise<void>;
};

/** The condition of the network. `rate`: bytes a second. */
type Condition =
  | { readonly kind: "healthy" | "cut" | "stalled" }
  | { readonly kind: "slow"; readonly rate: number };

/** Forwards a free local port to another local port. */
export async function startTcpProxy(port: number, targetPort: number): Promise<TcpProxy> {
  const open = new Set<Socket>();
  let condition: Condition = { kind: "healthy" };

  const forward = (from: Socket, to: Socket): void => {
    open.add(from);
    let isFull = false;
    let isWaiting = false;
    const goOn = (): void => {
      if (!isFull && !isWaiting && condition.kind !== "stalled") from.resume();
    };
    from.on("data", (chunk: Buffer) => {
      isFull = !to.write(chunk);
      if (condition.kind === "slow") {
        isWaiting = true;
        setTimeout(
          () => {
            isWaiting = false;
            goOn();
          },
          (chunk.length * 1000) / condition.rate,
        );
      }
      if (isFull || isWaiting || condition.kind === "stalled") from.pause();
    });
    to.on("drain", () => {
      isFull = false;
      goOn();
    });
    from.on("heal", goOn);
    if (condition.kind === "stalled") from.pause();
    from.on("end", () => to.end());
    from.on("error", () => to.destroy());
    from.on("close", () => {
      open.delete(from);
      to.destroy();
    });
  };

  const server = createServer((inside) => {
    if (condition.kind === "cut") {
      inside.destroy();
      return;
    }
    const outside = connect(targetPort, "127.0.0.1");
    forward(inside, outside);
    forward(outside, inside);
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
      condition = { kind: "cut" };
      breakAll();
    },
    drop: breakAll,
    stall: () => {
      condition = { kind: "stalled" };
      for (const socket of open) socket.pause();
    },
    slow: (rate) => {
      condition = { kind: "slow", rate };
    },
    heal: () => {
      condition = { kind: "healthy" };
      for (const socket of open) socket.emit("heal");
    },
    close: () =>
      new Promise((resolve) => {
        breakAll();
        server.close(() => resolve());
      }),
  };
}
