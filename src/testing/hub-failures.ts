/** Errors that the network of a virtual guild causes. Objects must recover from them. */
const NETWORK = /^(CallLost|ObjectDied)$/;
const NO_ANSWER = /has not answered in \d{1,9} ms$/;

const failures: string[] = [];

/** Failures logged since the last call. Hubs recover from them, so otherwise no test would notice them. */
export function takeHubFailures(): string[] {
  return failures.splice(0);
}

/** Keeps a line of the log if it reports a failure of a hub's own code. */
export function noteHubFailure(line: unknown): void {
  if (isHubFailure(line)) failures.push(line);
}

/** Whether a line of the log reports a failure of a hub's own code, and not a lost call. */
export function isHubFailure(line: unknown): line is string {
  if (typeof line !== "string" || !line.startsWith('{"level":"error","event":"hub.')) return false;
  const { error } = JSON.parse(line) as { error?: { name?: string; message?: string } };
  return !NETWORK.test(error?.name ?? "") && !NO_ANSWER.test(error?.message ?? "");
}
