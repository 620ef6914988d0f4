import { createServer } from "node:net";
import { PART_LABELS, PORT_VARIABLES } from "./names.ts";
import type { Settings } from "./settings.ts";

/**
 * Below the ports that systems use for outgoing connections (Linux from 32768, RFC 6335 from 49152). Such a
 * connection could take the port while its server restarts.
 */
const FIRST = 10_000;
const COUNT = 20_000;
const ATTEMPTS = 1_000;
/** The highest port. */
const MOST = 65_535;

/** One sentence for each port that a part needs and that is not free. It is called before anything starts. */
export async function portProblems(
  settings: Pick<Settings, "parts" | "ports">,
): Promise<readonly string[]> {
  const problems: string[] = [];
  const wanted = new Map<number, string>();
  for (const name of settings.parts) {
    const port = settings.ports[name];
    const { variable } = PORT_VARIABLES[name];
    const other = wanted.get(port);
    wanted.set(port, variable);
    if (other !== undefined) {
      problems.push(`${variable} and ${other} are both ${port}. Give each part its own port.`);
    } else if (!(await isFree(port))) {
      problems.push(
        `Port ${port} (${PART_LABELS[name]}) is taken. Stop what uses it, or choose another one: ` +
          `${variable}=${port + 100 <= MOST ? port + 100 : port - 100} npm start`,
      );
    }
  }
  return problems;
}

/** Ports of this machine that no process listens on at this moment. */
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
    const probe = createServer();
    probe.once("error", () => resolve(false));
    probe.listen({ port, host: "127.0.0.1", exclusive: true }, () =>
      probe.close(() => resolve(true)),
    );
  });
}
