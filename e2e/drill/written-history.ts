/** Hand-written histories for the judge's own tests: one for each kind of fault. */
import type { ClientLine, SeenEvent, SeenFrame, TruthLine } from "./history.ts";
import { judge, type Verdict } from "./judge.ts";

export const GUILD = "1";
export const MANAGER = ["sub:m", "scope:rooms:manage"];
export const EXP = 1_000;

export const event = (seq: number, name: string, payload: object): SeenEvent => ({
  event: name,
  payload,
  ts: 0,
  seq,
  id: `id-${seq}`,
});
/** A public room, a private room of alice, a user in each, and the marker. */
const JOURNAL: readonly SeenEvent[] = [
  event(1, "room.created", { channelId: "open", name: "Open" }),
  event(2, "room.created", { channelId: "secret", name: "Secret" }),
  event(3, "voice.joined", { channelId: "open", userId: "u1" }),
  event(4, "voice.joined", { channelId: "secret", userId: "u2" }),
  event(5, "voice.left", { channelId: "open", userId: "u1" }),
  event(6, "gateway.state", { state: "down" }),
];
export const at = (seq: number, more: object = {}): SeenEvent => {
  const found = JOURNAL[seq - 1];
  if (found === undefined) throw new Error(`no event ${seq}`);
  return { ...found, ...more };
};

export const TRUTH: readonly TruthLine[] = [
  { k: "room", name: "Open", audience: null },
  { k: "room", name: "Secret", audience: ["sub:alice", "scope:rooms:manage"] },
  { k: "accepted", guild: GUILD, must: ["id-3", "id-4"], stream: "s" },
  { k: "marker", guild: GUILD, id: "id-6" },
];

export type Step = ClientLine | SeenFrame;
const line = (step: Step): ClientLine => ("k" in step ? step : { t: 0, k: "in", f: step });
export const connect = (
  grants: readonly string[],
  claim: { readonly epoch: string; readonly seq: number } | null = null,
): ClientLine => ({ t: 0, k: "connect", grants, exp: EXP, claim });
export const ack = (seq: number): SeenFrame => ({ type: "ack", epoch: "e", seq });
export const one = (seq: number, more: object = {}): SeenFrame => ({
  type: "event",
  ...at(seq, more),
});
export const snapshot = (
  seq: number,
  reason = "first_connection",
  rooms: object[] = [],
): SeenFrame => ({ type: "snapshot", epoch: "e", seq, reason, rooms }) as SeenFrame;
export const resumed = (from: number, to: number): SeenFrame => ({
  type: "resumed",
  epoch: "e",
  from,
  to,
});
export const close = (code = 1006, t = 0): ClientLine => ({ t, k: "close", code });

/** The history of a client that may see everything. */
export const OBSERVER: readonly Step[] = [
  connect(MANAGER),
  ack(0),
  snapshot(0),
  ...JOURNAL.map(({ seq }) => one(seq)),
];

export function judged(
  steps: readonly Step[],
  change: { readonly observer?: readonly Step[]; readonly truth?: readonly TruthLine[] } = {},
): Verdict {
  const client = (name: string, observer: boolean, history: readonly Step[]) => ({
    name,
    lines: () => [
      { t: 0, k: "client" as const, name, guild: GUILD, observer },
      ...history.map(line),
    ],
  });
  return judge({
    truth: change.truth ?? TRUTH,
    clients: [
      client("observer", true, change.observer ?? OBSERVER),
      ...(steps.length === 0 ? [] : [client("bob", false, steps)]),
    ],
    calls: [],
    accounts: [],
    faults: [],
  });
}

export const BOB = ["sub:bob"];
/** The history of bob: everything but the private room. */
export const BOBS: readonly Step[] = [
  connect(BOB),
  ack(0),
  snapshot(0),
  one(1),
  one(3, { prev: 1 }),
  { type: "batch", events: [at(5, { prev: 3 }), at(6)] },
];
