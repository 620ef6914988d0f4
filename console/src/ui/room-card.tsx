import { useSignal } from "@preact/signals";
import type { JSX } from "preact";
import type { MemberView, RoomDetails, RoomView } from "../../../src/client/guild-view.ts";
import { nameOf } from "../names.ts";
import { clock, count, duration } from "../words.ts";
import { useFollowable, useNow } from "./hooks.ts";
import { LockIcon } from "./icons.tsx";

/** Who came in during this time is marked as new, milliseconds. */
const NEW_FOR_MS = 4_000;

/** One open room with the people in it. */
export function RoomCard({
  room,
  me,
  mayEnd,
  onInvite,
  onEnd,
}: {
  readonly room: RoomView;
  /** The reader's own Discord id. */
  readonly me: string | undefined;
  readonly mayEnd: boolean;
  readonly onInvite: () => Promise<void>;
  readonly onEnd: () => void;
}): JSX.Element {
  const inviting = useSignal(false);
  const invite = async (): Promise<void> => {
    if (inviting.value) return;
    inviting.value = true;
    await onInvite();
    inviting.value = false;
  };
  const titleId = `room-${room.channelId}`;
  return (
    <li class="card room" aria-labelledby={titleId}>
      <div class="room-head">
        <h3 id={titleId} class="room-name">
          {room.name}
        </h3>
        {room.details?.private === true && (
          <span class="badge">
            <LockIcon /> Private
          </span>
        )}
        <Occupancy inside={room.members.length} limit={room.details?.userLimit ?? null} />
      </div>
      <Members room={room} me={me} />
      <div class="room-foot">
        <Age details={room.details} />
        <div class="room-actions">
          <button
            type="button"
            class="button"
            aria-label={`Invite to ${room.name}`}
            aria-disabled={inviting.value}
            onClick={() => void invite()}
          >
            Invite
          </button>
          {mayEnd && (
            <button
              type="button"
              class="button button-danger"
              aria-label={`End ${room.name}`}
              onClick={onEnd}
            >
              End
            </button>
          )}
        </div>
      </div>
    </li>
  );
}

function Occupancy({
  inside,
  limit,
}: {
  readonly inside: number;
  /** Null: not known yet; 0: none. */
  readonly limit: number | null;
}): JSX.Element {
  const limited = limit !== null && limit > 0;
  return (
    <span
      class={limited && inside >= limit ? "occupancy occupancy-full" : "occupancy"}
      title={
        limited ? `At most ${count(limit, "person").replace("persons", "people")}` : "No limit"
      }
    >
      {limited ? `${inside} of ${limit}` : `${inside} in`}
    </span>
  );
}

const userIdOf = (member: MemberView): string => member.userId;

function Members({
  room,
  me,
}: {
  readonly room: RoomView;
  readonly me: string | undefined;
}): JSX.Element {
  const members = useFollowable(room.members, userIdOf);
  const now = Date.now();
  return (
    <ul class="members" aria-label={`People in ${room.name}`}>
      {members.map(({ item: { userId, joinedAt }, leaving }) => (
        <li
          key={userId}
          class={[
            "member",
            leaving ? "member-leaving" : "",
            now - joinedAt < NEW_FOR_MS ? "member-new" : "",
          ].join(" ")}
          aria-hidden={leaving}
          title={`${userId}, since ${clock(joinedAt)}`}
        >
          {nameOf(userId)}
          {userId === me && <span class="muted"> (you)</span>}
        </li>
      ))}
      {members.length === 0 && <li class="members-none">Nobody is in yet</li>}
    </ul>
  );
}

function Age({ details }: { readonly details: RoomDetails | null }): JSX.Element {
  const now = useNow(30_000);
  if (details === null) return <span class="muted">Just opened</span>;
  const at = Date.parse(details.createdAt);
  return (
    <span class="muted room-age" title={`Opened at ${clock(at)}`}>
      Open for {duration(now - at)}, by {details.createdBy}
    </span>
  );
}
