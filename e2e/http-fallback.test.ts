import { afterAll, beforeAll, expect, it } from "vitest";
import { readEventStream, type ByteStream } from "../src/client/event-stream.ts";
import { Api } from "./api.ts";
import { eventually } from "./eventually.ts";
import { startStack, type Stack } from "./stack.ts";

let stack: Stack;
let manager: Api;

beforeAll(async () => {
  stack = await startStack();
  manager = new Api(stack, await stack.token("manager", { scope: "rooms:manage" }));
});
afterAll(() => stack.stop());

type Frame = { readonly type: string; readonly seq: number; readonly epoch: string };
type Polled = { readonly epoch: string; readonly seq: number; readonly events: readonly Frame[] };

/** Follows the guild over HTTP until it is stopped, and comes back from wherever it got to. */
class Follower {
  readonly seqs: number[] = [];
  /** Times that it got the whole state instead of what it missed. */
  resets = 0;
  losses = 0;
  readonly #stop = new AbortController();
  readonly done: Promise<void>;

  constructor(once: (follower: Follower, signal: AbortSignal) => Promise<void>) {
    this.done = this.#run(once);
  }

  stop(): Promise<void> {
    this.#stop.abort();
    return this.done;
  }

  async #run(once: (follower: Follower, signal: AbortSignal) => Promise<void>): Promise<void> {
    while (!this.#stop.signal.aborted) {
      try {
        await once(this, this.#stop.signal);
      } catch {
        this.losses += 1;
        // The Worker is started again: whoever asks it in a loop only slows that down.
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
    }
  }
}

async function ask(query: string, headers: Record<string, string>, signal: AbortSignal) {
  const response = await fetch(`${stack.urls.worker}/events${query}`, {
    headers: { Authorization: `Bearer ${manager.token}`, ...headers },
    signal,
  });
  if (response.status !== 200) throw new Error(`GET /events: ${response.status}`);
  return response;
}

function sseFollower(): Follower {
  let epoch = "";
  let seq = -1;
  return new Follower(async (follower, signal) => {
    const headers = { Accept: "text/event-stream" };
    const position = seq === -1 ? {} : { "Last-Event-ID": `${epoch}:${seq}` };
    const response = await ask("", { ...headers, ...position }, signal);
    await readEventStream(
      response.body as ByteStream,
      (_, data) => {
        const frame = JSON.parse(data) as Frame;
        if (frame.type === "ack") ({ epoch } = frame);
        if (frame.type === "snapshot") follower.resets += 1;
        if (frame.type === "event") follower.seqs.push(frame.seq);
        if (frame.type === "event" || frame.type === "snapshot") ({ seq } = frame);
      },
      () => {},
    );
    throw new Error("it ended");
  });
}

function pollFollower(): Follower {
  let position = "";
  return new Follower(async (follower, signal) => {
    const answer = (await (await ask(position, {}, signal)).json()) as Polled & { reset?: unknown };
    if (answer.reset !== undefined) follower.resets += 1;
    follower.seqs.push(...answer.events.map(({ seq }) => seq));
    position = `?epoch=${answer.epoch}&after=${answer.seq}`;
  });
}

it("over plain HTTP nothing is lost or doubled either, when the Worker is killed", async () => {
  const followers = [sseFollower(), pollFollower()];
  await eventually("both have the state", () => {
    for (const { resets } of followers) expect(resets).toBe(1);
  });
  const first = await manager.createRoom({ name: "Before" });
  await eventually("both follow", () => {
    for (const { seqs } of followers) expect(seqs.length).toBeGreaterThan(0);
  });
  await stack.kill("worker");
  await stack.untilReady();
  await manager.createRoom({ name: "After" });
  await manager.endRoom(first);
  await eventually("both have caught up, with the same", () => {
    const [sse, poll] = followers;
    expect(sse?.seqs.length).toBeGreaterThanOrEqual(3);
    expect(poll?.seqs).toEqual(sse?.seqs);
  });
  await Promise.all(followers.map((follower) => follower.stop()));
  for (const { seqs, resets, losses } of followers) {
    // Each first one follows the snapshot, the others their neighbour.
    expect(seqs).toEqual(seqs.map((_, i) => (seqs[0] ?? 0) + i));
    expect(resets).toBe(1);
    expect(losses).toBeGreaterThan(0);
  }
});
