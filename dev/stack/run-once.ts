import { startGroup, type Command } from "./process-group.ts";

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
  if (how !== "exit code 0")
    throw new Error(`${failure} (${how}):\n${lines.slice(-30).join("\n")}`);
}
