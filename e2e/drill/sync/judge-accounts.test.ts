import { expect, it } from "vitest";
import { Problems, type ProblemKind } from "../problems.ts";
import type { Counted, StoredMessage, SyncFact, UpdateBody } from "./history.ts";
import { judgeAccounts } from "./judge-accounts.ts";

const SESSION = "s1";
const TAG = "a.session";

const stored = (n: number): StoredMessage => ({
  id: `id-${n}`,
  seq: n,
  localId: `${TAG}.${n}`,
  content: { c: Buffer.from(`${TAG}.${n}`).toString("base64") },
});
/** A message of another session, in the place of the first one. */
const foreign: StoredMessage = {
  ...stored(1),
  localId: "b.session.1",
  content: { c: Buffer.from("b.session.1").toString("base64") },
};
const metadata = (version: number, more: Partial<Counted> = {}) => ({
  version,
  value: JSON.stringify({ of: TAG, count: version - 1, by: "x", ...more }),
});
const sent = (n: number, device: string | null = null): SyncFact => ({
  k: "sent",
  message: `${TAG}.${n}`,
  session: SESSION,
  device,
});
const accepted = (n: number, more: { seq?: number } = {}): SyncFact => ({
  k: "accepted",
  message: `${TAG}.${n}`,
  id: `id-${n}`,
  seq: n,
  ...more,
});
const update = (device: string, seq: number, body: UpdateBody): SyncFact => ({
  k: "update",
  device,
  seq,
  id: `u${seq}`,
  body,
});
const added = (n: number): UpdateBody => ({ t: "new-message", sid: SESSION, message: stored(n) });
const changed = (version: number): UpdateBody => ({
  t: "update-session",
  sid: SESSION,
  metadata: metadata(version),
});
const opened = (device: string): SyncFact => ({ k: "opened", device });

const BEFORE: readonly SyncFact[] = [
  { k: "session", session: SESSION, account: "a", tag: TAG },
  { k: "session", session: "s2", account: "b", tag: "b.session" },
  { k: "device", device: "phone", account: "a", scope: { type: "user-scoped" } },
  {
    k: "device",
    device: "agent",
    account: "a",
    scope: { type: "session-scoped", id: SESSION },
  },
  {
    k: "device",
    device: "machine",
    account: "a",
    scope: { type: "machine-scoped", id: "a.machine" },
  },
  opened("phone"),
  opened("agent"),
  opened("machine"),
];
const end = (
  messages: readonly StoredMessage[],
  more: Partial<Extract<SyncFact, { k: "stored" }>> = {},
): readonly SyncFact[] => [
  { k: "stored", session: SESSION, messages, metadata: metadata(1), toOthers: 404, ...more },
  {
    k: "stored",
    session: "s2",
    messages: [],
    metadata: metadata(1, { of: "b.session" }),
    toOthers: 404,
  },
];

function kindsOf(...facts: readonly SyncFact[]): ProblemKind[] {
  const problems = new Problems();
  judgeAccounts([...BEFORE, ...facts], problems);
  return problems.all.map(({ kind }) => kind);
}

it.each<[string, readonly SyncFact[]]>([
  ["nothing at all", end([])],
  [
    "a message that all are told of",
    [sent(1), update("phone", 4, added(1)), update("agent", 4, added(1)), ...end([stored(1)])],
  ],
  ["a message by socket that got lost with its connection", [sent(1, "phone"), ...end([])]],
  [
    "a message that its sender is not told of",
    [
      sent(1),
      sent(2, "phone"),
      sent(3),
      ...[1, 2, 3].map((n) => update("agent", n, added(n))),
      ...[1, 3].map((n) => update("phone", n, added(n))),
      ...end([1, 2, 3].map(stored)),
    ],
  ],
  [
    "a message that only its sender could be told of",
    [
      sent(1),
      sent(2, "phone"),
      sent(3),
      ...[1, 3].map((n) => update("phone", n, added(n))),
      ...end([1, 2, 3].map(stored)),
    ],
  ],
  [
    "what happened while a device was away",
    [
      sent(1),
      sent(2),
      sent(3),
      update("phone", 1, added(1)),
      ...[1, 2, 3].map((n) => update("agent", n, added(n))),
      opened("phone"),
      update("phone", 3, added(3)),
      ...end([1, 2, 3].map(stored)),
    ],
  ],
  [
    "changes that each know of the one before",
    [
      { k: "changed", session: SESSION, ...metadata(2) },
      { k: "mismatch", session: SESSION, ...metadata(2) },
      update("phone", 1, changed(2)),
      ...end([], { metadata: metadata(3) }),
    ],
  ],
  ["a server that restarts", [{ k: "closed", device: "phone", code: 1012 }, ...end([])]],
])("allows %s", (_what, facts) => {
  expect(kindsOf(...facts)).toEqual([]);
});

it.each<[string, ProblemKind, readonly SyncFact[]]>([
  ["an accepted message that is not there", "lost", [sent(1), accepted(1), ...end([])]],
  ["a gap in a session", "lost", [sent(2), ...end([stored(2)])]],
  [
    "a message that is there twice",
    "duplicated",
    [sent(1), ...end([stored(1), { ...stored(1), seq: 2 }])],
  ],
  ["a message with two numbers", "wrong", [sent(1), accepted(1, { seq: 2 }), ...end([stored(1)])]],
  ["a message that nobody sent", "wrong", end([stored(1)])],
  [
    "the content of another message",
    "wrong",
    [sent(1), ...end([{ ...stored(1), content: { c: "" } }])],
  ],
  ["a message of another session", "leaked", end([foreign])],
  ["another account that may read", "leaked", end([], { toOthers: 200 })],
  [
    "an update that a device missed",
    "lost",
    [
      sent(1),
      sent(2),
      sent(3),
      ...[1, 2, 3].map((n) => update("agent", n, added(n))),
      ...[1, 3].map((n) => update("phone", n, added(n))),
      ...end([1, 2, 3].map(stored)),
    ],
  ],
  [
    "an update that nobody was told of",
    "lost",
    [
      sent(1),
      sent(2),
      sent(3),
      ...[1, 3].map((n) => update("phone", n, added(n))),
      ...end([1, 2, 3].map(stored)),
    ],
  ],
  [
    "a message without an update",
    "lost",
    [
      sent(1),
      sent(2),
      sent(3),
      ...[1, 3].map((n) => update("phone", (n + 1) / 2, added(n))),
      ...end([1, 2, 3].map(stored)),
    ],
  ],
  [
    "an update that came twice",
    "duplicated",
    [sent(1), update("phone", 1, added(1)), update("phone", 1, added(1)), ...end([stored(1)])],
  ],
  [
    "an update that came again after a reconnect",
    "duplicated",
    [
      sent(1),
      update("phone", 1, added(1)),
      opened("phone"),
      update("phone", 1, added(1)),
      ...end([stored(1)]),
    ],
  ],
  [
    "updates in another order",
    "reordered",
    [
      sent(1),
      sent(2),
      ...[2, 1].map((n) => update("phone", n, added(n))),
      ...end([1, 2].map(stored)),
    ],
  ],
  [
    "a message that is told of as two updates",
    "duplicated",
    [sent(1), update("phone", 1, added(1)), update("phone", 2, added(1)), ...end([stored(1)])],
  ],
  [
    "an update that differs from one device to the other",
    "wrong",
    [
      sent(1),
      sent(2),
      update("phone", 1, added(1)),
      update("agent", 1, added(2)),
      ...end([1, 2].map(stored)),
    ],
  ],
  [
    "an update of a message that is not there",
    "wrong",
    [sent(1), update("phone", 1, added(1)), ...end([])],
  ],
  [
    "a session's update at a machine",
    "leaked",
    [sent(1), update("machine", 1, added(1)), ...end([stored(1)])],
  ],
  [
    "another account's update",
    "leaked",
    [update("phone", 1, { t: "update-session", sid: "s2" }), ...end([])],
  ],
  [
    "two changes of one version",
    "lost",
    [
      { k: "changed", session: SESSION, ...metadata(2) },
      { k: "changed", session: SESSION, ...metadata(2, { by: "y" }) },
      ...end([], { metadata: metadata(2) }),
    ],
  ],
  [
    "a change that does not know of the one before",
    "lost",
    end([], { metadata: metadata(3, { count: 1 }) }),
  ],
  [
    "a change that is gone",
    "lost",
    [{ k: "changed", session: SESSION, ...metadata(2) }, ...end([])],
  ],
  [
    "a version that is told of twice",
    "duplicated",
    [
      update("phone", 1, changed(2)),
      update("phone", 2, changed(2)),
      ...end([], { metadata: metadata(2) }),
    ],
  ],
  ["another session's metadata", "leaked", end([], { metadata: metadata(1, { of: "b.session" }) })],
  ["a session that was not read back", "lost", end([]).slice(1)],
  [
    "a device that is turned away",
    "wrong",
    [{ k: "closed", device: "phone", code: 4001 }, ...end([])],
  ],
])("finds %s", (_what, kind, facts) => {
  expect(kindsOf(...facts)).toEqual([kind]);
});
