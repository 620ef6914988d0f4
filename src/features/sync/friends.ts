import { z } from "@hono/zod-openapi";
import { SYNC_NOTIFIED_AGAIN_MS } from "../../protocol/limits.ts";

/** How an account stands to another one (sync.md §3.9). `requested`: it has asked. `pending`: it was asked. */
export const RelationshipStatus = z.enum(["none", "requested", "pending", "friend", "rejected"]);
export type RelationshipStatus = z.infer<typeof RelationshipStatus>;

/** What an account's feed says of another account. */
export const FriendPost = z.enum(["friend_request", "friend_accepted"]);
export type FriendPost = z.infer<typeof FriendPost>;

/** How the other account stands to the one that acts. */
export type Standing = {
  readonly status: RelationshipStatus;
  /** When its feed last told of a request by the other one, milliseconds; null: never. */
  readonly lastNotifiedAt: number | null;
};

/** What becomes of one side of a pair. */
export type SideChange = {
  readonly status: RelationshipStatus;
  /** What its feed tells; null: nothing. */
  readonly post: FriendPost | null;
};

/** What becomes of a pair, as one of the two has wanted. */
export type PairChange = { readonly mine: SideChange; readonly theirs: SideChange };

/** What an account may want of another one. */
export type FriendAction = "add" | "remove";

/**
 * What an action makes of two accounts (sync.md §3.9). Two that ask each other are friends, whoever was first.
 * @param mine how the account that acts stands to the other one
 * @param now milliseconds
 * @returns null: nothing changes
 */
export function changeOfPair(
  action: FriendAction,
  mine: RelationshipStatus,
  theirs: Standing,
  now: number,
): PairChange | null {
  return action === "add" ? added(mine, theirs, now) : removed(mine, theirs.status);
}

function added(mine: RelationshipStatus, theirs: Standing, now: number): PairChange | null {
  if (theirs.status === "requested") {
    const friend: SideChange = { status: "friend", post: "friend_accepted" };
    return { mine: friend, theirs: friend };
  }
  if (mine !== "none" && mine !== "rejected") return null;
  const { status, lastNotifiedAt } = theirs;
  const isQuiet = lastNotifiedAt !== null && now - lastNotifiedAt < SYNC_NOTIFIED_AGAIN_MS;
  return {
    mine: { status: "requested", post: null },
    theirs: {
      status: status === "none" ? "pending" : status,
      post: status === "rejected" || isQuiet ? null : "friend_request",
    },
  };
}

function removed(mine: RelationshipStatus, theirs: RelationshipStatus): PairChange | null {
  const to = (own: RelationshipStatus, other: RelationshipStatus): PairChange => ({
    mine: { status: own, post: null },
    theirs: { status: other, post: null },
  });
  switch (mine) {
    case "requested":
      return to("rejected", theirs);
    case "friend":
      // The other one would like to stay a friend, and is one again as soon as this one adds it.
      return to("pending", "requested");
    case "pending":
      return to("none", theirs === "rejected" ? "rejected" : "none");
    case "none":
    case "rejected":
      return null;
  }
}

/** What the hub of an account is told of its relationship to another one. It is in the outbox as JSON. */
export const RelationshipNews = z.object({
  kind: z.literal("relationship"),
  /** The other account. */
  uid: z.string(),
  /** How the told account now stands to it. */
  status: RelationshipStatus,
  action: z.enum(["created", "updated", "deleted"]),
  post: FriendPost.nullable(),
  /** When it happened, milliseconds. */
  at: z.number(),
});
export type RelationshipNews = z.infer<typeof RelationshipNews>;

/** What one side is told of a change. @param before its status until then */
export function newsOf(
  uid: string,
  before: RelationshipStatus,
  { status, post }: SideChange,
  at: number,
): RelationshipNews {
  const action = status === "none" ? "deleted" : before === "none" ? "created" : "updated";
  return { kind: "relationship", uid, status, action, post, at };
}
