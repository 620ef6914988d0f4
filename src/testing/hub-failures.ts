/** What the network of a virtual guild does to a call: objects are to make up for it. */
const NETWORK = /^(CallLost|ObjectDied)$/;
const NO_ANSWER = /has not answered in \d{1,9} ms$/;

const failures: string[] = [];

/** Failures that were logged since the last look: hubs log what they make up for, and no test would see it. */
export function takeHubFailures(): string[] {
  return failures.splice(0);
}

/** Keeps a line of the log when a hub tells by it that its own code failed. */
export function noteHubFailure(line: unknown): void {
  if (isHubFailure(line)) failures.push(line);
}

/** Whether a line of the log is the failure of a hub's own code, and not of a call that got lost. */
export function isHubFailure(line: unknown): line is string {
  if (typeof line !== "string" || !line.startsWith('{"level":"error","event":"hub.')) return false;
  const { error } = JSON.parse(line) as { error?: { name?: string; message?: string } };
  return !NETWORK.test(error?.name ?? "") && !NO_ANSWER.test(error?.message ?? "");
}
