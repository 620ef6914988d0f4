import { createServer } from "node:net";

/**
 * Below those that systems give to outgoing connections (Linux from 32768, RFC 6335 from 49152): one of
 * these would take the port while what listens there is started again.
 */
const FIRST = 10_000;
const COUNT = 20_000;
const ATTEMPTS = 1_000;

/** So many ports of this machine that nothing listens on at this moment. */
export async function freePorts(count: number): Promise<number[]> {
  const ports = new Set<number>();
  for (let attempt = 0; ports.size < count; attempt++) {
    if (attempt === ATTEMPTS) throw new Error(`no ${count} free ports were found`);
    const port = FIRST + Math.floor(Math.random() * COUNT);
    if (await isFree(port)) ports.add(port);
  }
  return [...ports];
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", () => resolve(false));
    server.listen(port, "127.0.0.1", () => server.close(() => resolve(true)));
  });
}
