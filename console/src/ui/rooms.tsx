import { useSignal } from "@preact/signals";
import type { JSX } from "preact";
import { useMemo, useRef } from "preact/hooks";
import type { Invite } from "../../../src/client/api.ts";
import type { RoomView } from "../../../src/client/guild-view.ts";
import type { Guild } from "../guild.ts";
import { notify } from "../notices.ts";
import type { Claims } from "../claims.ts";
import { EndRoomDialog } from "./end-room-dialog.tsx";
import { InviteDialog } from "./invite-dialog.tsx";
import { RoomCard } from "./room-card.tsx";

/** Scope whose holder may end every room (rooms.md §1). */
const MANAGE_ROOMS_SCOPE = "rooms:manage";

/** The open rooms, newest first, with what can be done to them. */
export function Rooms({
  guild,
  claims,
}: {
  readonly guild: Guild;
  readonly claims: Claims;
}): JSX.Element {
  const { known, rooms } = guild.view.value;
  const newestFirst = useMemo(() => [...rooms.values()].toReversed(), [rooms]);
  const { kind } = guild.connection.value;
  const waiting = kind !== "stopped" && kind !== "signed-out";
  const ending = useSignal<RoomView | null>(null);
  const invited = useSignal<{ readonly room: RoomView; readonly invite: Invite } | null>(null);
  const heading = useRef<HTMLHeadingElement>(null);

  const mayEnd = (room: RoomView): boolean =>
    room.details?.createdBy === claims.sub || claims.scopes.includes(MANAGE_ROOMS_SCOPE);
  const invite = async (room: RoomView): Promise<void> => {
    const made = await guild.api.invite(room.channelId);
    if (made.ok) invited.value = { room, invite: made.value };
    else notify("bad", made.failure.message);
  };

  return (
    <section aria-labelledby="open-rooms">
      <div class="section-head">
        <h2 id="open-rooms" ref={heading} tabIndex={-1}>
          Open rooms
        </h2>
        {known && <span class="muted">{rooms.size}</span>}
      </div>
      {!known && (
        <div class="card empty">
          <p>{waiting ? "Loading the rooms…" : "The rooms are shown once you are connected."}</p>
        </div>
      )}
      {known && rooms.size === 0 && (
        <div class="card empty">
          <p>No room is open.</p>
          <p class="muted">Open one above; everybody sees it at once.</p>
        </div>
      )}
      <ul class="rooms">
        {newestFirst.map((room) => (
          <RoomCard
            key={room.channelId}
            room={room}
            me={claims.discordId}
            mayEnd={mayEnd(room)}
            onInvite={() => invite(room)}
            onEnd={() => {
              ending.value = room;
            }}
          />
        ))}
      </ul>
      {ending.value !== null && (
        <EndRoomDialog
          api={guild.api}
          room={rooms.get(ending.value.channelId) ?? ending.value}
          onClose={(ended) => {
            ending.value = null;
            // The button that was pressed is about to go.
            if (ended) requestAnimationFrame(() => heading.current?.focus());
          }}
        />
      )}
      {invited.value !== null && (
        <InviteDialog
          room={invited.value.room}
          invite={invited.value.invite}
          onClose={() => {
            invited.value = null;
          }}
        />
      )}
    </section>
  );
}
