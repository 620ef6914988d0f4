import type { HubTurn } from "../../../hub/extension.ts";
import type { Audience } from "../../../hub/publisher.ts";
import { SYNC_SEQ_COPIED_MS } from "../../../protocol/limits.ts";
import type { Ephemeral, UpdateBody } from "../events/from-server.ts";
import type { RelationshipNews } from "../friends.ts";
import type { AccountNames, Artifact, FeedPost, Machine, Message, Session } from "../records.ts";
import { GRANTS } from "../scope.ts";

/** The event of every update of an account. Its payload is the update's body (sync.md §6.8). */
export const UPDATE = "sync.update";

/** Task that copies to D1 what the hub knows of its account (`copies.ts`). */
export const COPY_TASK = "copy";

/** Who hears of what (sync.md §6.7). */
const AUDIENCES = {
  user: [GRANTS.user],
  session: (id: string) => [GRANTS.user, GRANTS.session(id)],
  machine: (id: string) => [GRANTS.user, GRANTS.machine(id)],
} as const;

/** A value with its version. */
export type Versioned<Value extends string | null> = {
  readonly value: Value;
  readonly version: number;
};

/** Journals an update. @param except the connection that caused it, and so knows it */
function update(hub: HubTurn, body: UpdateBody, audience: Audience, except?: string): void {
  hub.publish({
    event: UPDATE,
    payload: body,
    audience,
    topic: null,
    ...(except === undefined ? {} : { except }),
  });
  copyNoLaterThan(hub, hub.now() + SYNC_SEQ_COPIED_MS);
}

/** Has D1 get its copies in time. Call it when something changes that is copied. @param at milliseconds */
export function copyNoLaterThan(hub: HubTurn, at: number): void {
  const known = hub.scheduledAt(COPY_TASK);
  if (known === null || at < known) hub.schedule(COPY_TASK, at);
}

/** Tells those connections something that is not kept: an ephemeral (sync.md §6.8). */
function tell(hub: HubTurn, grants: readonly string[], data: Ephemeral): void {
  // Nobody has two of these grants.
  for (const grant of grants) hub.sockets.send({ grant }, "ephemeral", data);
}

/** What is told of sessions. Both `id` and `sid` are sent: clients of different origin read one of them. */
export const sessionUpdates = {
  created(hub: HubTurn, session: Session): void {
    const { lastMessage: _, id, ...rest } = session;
    update(hub, { t: "new-session", id, sid: id, ...rest }, AUDIENCES.user);
  },
  changed(
    hub: HubTurn,
    id: string,
    parts: {
      readonly metadata?: Versioned<string>;
      readonly agentState?: Versioned<string | null>;
    },
  ): void {
    update(hub, { t: "update-session", id, sid: id, ...parts }, AUDIENCES.session(id));
  },
  deleted(hub: HubTurn, id: string): void {
    update(hub, { t: "delete-session", id, sid: id }, AUDIENCES.user);
  },
  activity(
    hub: HubTurn,
    id: string,
    { active, activeAt, thinking }: Activity & { readonly thinking: boolean },
  ): void {
    tell(hub, AUDIENCES.user, { type: "activity", id, sid: id, active, activeAt, thinking });
  },
  /** What it has used. */
  usage(
    hub: HubTurn,
    id: string,
    used: Pick<Extract<Ephemeral, { type: "usage" }>, "key" | "tokens" | "cost">,
  ): void {
    tell(hub, AUDIENCES.user, { type: "usage", id, sid: id, ...used, timestamp: hub.now() });
  },
  /** Something that its person should see now. */
  event(
    hub: HubTurn,
    sessionId: string,
    event: { kind: string; title: string; body: string },
  ): void {
    const data: Ephemeral = { type: "session-event", sessionId, ...event, timestamp: hub.now() };
    tell(hub, AUDIENCES.session(sessionId), data);
  },
} as const;

/** Whether something is heard of, and when it last was, milliseconds. */
export type Activity = { readonly active: boolean; readonly activeAt: number };

export function messageAdded(hub: HubTurn, message: Message, except?: string): void {
  const { sessionId: sid, ...rest } = message;
  update(hub, { t: "new-message", sid, message: rest }, AUDIENCES.session(sid), except);
}

/** What is told of the account itself. Members that stay as they are are left out. */
export function accountChanged(
  hub: HubTurn,
  parts: { readonly settings?: Versioned<string | null> } & AccountNames,
): void {
  update(hub, { t: "update-account", id: hub.name, ...parts }, AUDIENCES.user);
}

/** A key with what it has now; null: it was deleted. */
type KvChange = Versioned<string | null> & { readonly key: string };

/** Keys of the account's store have these values now. */
export function kvChanged(hub: HubTurn, changes: readonly KvChange[]): void {
  update(hub, { t: "kv-batch-update", changes: [...changes] }, AUDIENCES.user);
}

/** What is told of machines. */
export const machineUpdates = {
  created(hub: HubTurn, machine: Machine): void {
    const { id: machineId, accountId: _, lastActiveAt: __, ...rest } = machine;
    update(hub, { t: "new-machine", machineId, ...rest }, AUDIENCES.user);
    const metadata = { value: machine.metadata, version: machine.metadataVersion };
    update(hub, { t: "update-machine", machineId, metadata }, [GRANTS.machine(machineId)]);
  },
  changed(
    hub: HubTurn,
    machineId: string,
    parts: {
      readonly metadata?: Versioned<string>;
      readonly daemonState?: Versioned<string | null>;
      readonly active?: boolean;
      readonly activeAt?: number;
    },
  ): void {
    update(hub, { t: "update-machine", machineId, ...parts }, AUDIENCES.machine(machineId));
  },
  deleted(hub: HubTurn, machineId: string): void {
    update(hub, { t: "delete-machine", machineId }, AUDIENCES.user);
  },
  activity(hub: HubTurn, id: string, { active, activeAt }: Activity): void {
    const data: Ephemeral = { type: "machine-activity", id, machineId: id, active, activeAt };
    tell(hub, AUDIENCES.user, data);
  },
  status(hub: HubTurn, machineId: string, online: boolean): void {
    const data: Ephemeral = { type: "machine-status", machineId, online, timestamp: hub.now() };
    tell(hub, AUDIENCES.user, data);
  },
} as const;

/** The account now stands to another one in this way. `uid` and `toUserId` are read by clients of different origin. */
export function relationshipUpdated(hub: HubTurn, news: RelationshipNews): void {
  const { uid, status, action, at: timestamp } = news;
  const sides = { uid, fromUserId: hub.name, toUserId: uid };
  update(hub, { t: "relationship-updated", ...sides, status, action, timestamp }, AUDIENCES.user);
}

/** A post is in the feed. The app takes its number from this form of the cursor, others from `counter`. */
export function feedPosted(hub: HubTurn, post: FeedPost): void {
  update(hub, { t: "new-feed-post", ...post, cursor: `0-${post.counter}` }, AUDIENCES.user);
}
/** What is told of artifacts. */
export const artifactUpdates = {
  created(hub: HubTurn, artifact: Artifact): void {
    const { id: artifactId, ...rest } = artifact;
    update(hub, { t: "new-artifact", artifactId, ...rest }, AUDIENCES.user);
  },
  changed(
    hub: HubTurn,
    artifactId: string,
    parts: { readonly header?: Versioned<string>; readonly body?: Versioned<string> },
  ): void {
    update(hub, { t: "update-artifact", artifactId, ...parts }, AUDIENCES.user);
  },
  deleted(hub: HubTurn, artifactId: string): void {
    update(hub, { t: "delete-artifact", artifactId }, AUDIENCES.user);
  },
} as const;
