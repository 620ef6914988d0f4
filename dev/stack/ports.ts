import { createServer } from "node:net";
import { PART_LABELS, PORT_VARIABLES } from "./names.ts";
import type { Settings } from "./settings.ts";

/** One sentence for each port that a part needs and cannot have; nothing is started before. */
export async function portProblems(settings: Settings): Promise<readonly string[]> {
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
          `${variable}=${port + 100} npm start`,
      );
    }
  }
  return problems;
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
