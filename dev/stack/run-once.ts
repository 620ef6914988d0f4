import { startGroup, type Command } from "./process-group.ts";

const EDGE_LINES = 20;

/**
 * Runs a Node program to its end. When the signal fires it is ended, with what it started.
 * @param failure the sentence that its failure begins with
 * @throws with that and what the program said, when it fails
 */
export async function runOnce(
  failure: string,
  command: Command,
  signal?: AbortSignal,
): Promise<void> {
  signal?.throwIfAborted();
  const lines: string[] = [];
  const group = startGroup(command, (line) => lines.push(line));
  const abort = (): void => void group.stop(2_000);
  signal?.addEventListener("abort", abort);
  const how = await group.ended;
  signal?.removeEventListener("abort", abort);
  signal?.throwIfAborted();
  if (how !== "exit code 0") throw new Error(`${failure} (${how}):\n${shortened(lines)}`);
}

/** Some tools begin with what went wrong, others end with it; in between are stacks. */
function shortened(lines: readonly string[]): string {
  if (lines.length <= 2 * EDGE_LINES) return lines.join("\n");
  return [...lines.slice(0, EDGE_LINES), "…", ...lines.slice(-EDGE_LINES)].join("\n");
}
