import { stop } from "../usage.mjs";
import type { RunningDouble } from "./server.ts";

/** A variable of the environment; empty counts as absent. */
export function variable(name: string): string | undefined {
  const value = process.env[name];
  return value === "" ? undefined : value;
}

/** A required variable; without it the program ends. @param what its meaning, or where to find it */
export function required(name: string, what: string): string {
  return variable(name) ?? stop(`${name} is missing: ${what}`);
}

/** A port from the environment. 0: any free port. */
export function portVariable(name: string, usual: number): number {
  const port = Number(variable(name) ?? usual);
  const isPort = Number.isInteger(port) && port >= 0 && port <= 65_535;
  return isPort ? port : stop(`${name} is not a port`);
}

/** Runs a double as its own program until SIGINT or SIGTERM. */
export async function runDouble(starting: Promise<RunningDouble>): Promise<void> {
  const double = await starting.catch((error: unknown) =>
    stop(error instanceof Error ? error.message : String(error)),
  );
  console.log(`Ready on ${double.url}`);
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    process.once(signal, () => void double.close().then(() => process.exit(0)));
  }
}
