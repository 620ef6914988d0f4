import { useSignal } from "@preact/signals";
import type { JSX } from "preact";
import { useEffect, useMemo, useRef } from "preact/hooks";
import type { RoomView } from "../../../src/client/guild-view.ts";
import type { Invite } from "../../../src/client/resources.ts";
import { notifyFailure } from "../notices.ts";
import { nameOf } from "../people.ts";
import { LONG_LIST_FROM, roomGroups } from "../room-list.ts";
import { goTo, placeLink } from "../routes.ts";
import { count } from "../time-words.ts";
import { idleEndInWords } from "../words.ts";
import type { AreaProps } from "./area.ts";
import { EndRoomDialog } from "./end-room-dialog.tsx";
import { useRoving } from "./hooks.ts";
import { PlusIcon, SearchIcon } from "./icons.tsx";
import { InviteDialog } from "./invite-dialog.tsx";
import { NewRoomDialog } from "./new-room-dialog.tsx";
import { RoomRow } from "./room-row.tsx";
import { focusTitle, ViewHead } from "./view-head.tsx";

/** The scope that allows ending every room (rooms.md §1). */
const MANAGE_ROOMS_SCOPE = "rooms:manage";

/** The open rooms and their actions. */
export function RoomsView({ guild, guildId, user, config, item }: AreaProps): JSX.Element {
  const { claims } = user;
  const { known, rooms, guildId: told } = guild.view.value;
  const search = useSignal("");
  const making = useSignal(false);
  const ending = useSignal<RoomView | null>(null);
  const invited = useSignal<{ readonly room: RoomView; readonly invite: Invite } | null>(null);
  const isLong = rooms.size >= LONG_LIST_FROM;
  const text = isLong ? search.value : "";
  const groups = roomGroups(rooms.values(), text, nameOf);
  const keys = groups.flatMap((group) => group.rooms.map((room) => room.channelId));
  const roving = useRoving(keys);
  const focusRoom = useFocusOnceThere(rooms);
  const inside = useMemo(
    () => [...rooms.values()].reduce((sum, room) => sum + room.members.length, 0),
    [rooms],
  );

  const invite = async (room: RoomView): Promise<void> => {
    const made = await guild.api.invite(room.channelId);
    if (made.ok) invited.value = { room, invite: made.value };
    else notifyFailure(made.failure, "invite");
  };

  return (
    <>
      <ViewHead
        title="Rooms"
        aside={known && rooms.size > 0 ? `${rooms.size} open, ${inside} in voice` : ""}
      >
        <button
          type="button"
          class="button-main"
          onClick={() => {
            making.value = true;
          }}
        >
          <PlusIcon /> New room
        </button>
      </ViewHead>
      {isLong && (
        <label class="search">
          <SearchIcon />
          <input
            type="search"
            aria-label="Search rooms and people"
            placeholder="Search rooms and people"
            value={search.value}
            onInput={(event) => {
              search.value = event.currentTarget.value;
            }}
          />
        </label>
      )}
      <p class="hidden" role="status">
        {text.trim() === "" ? "" : `${count(keys.length, "room")} found`}
      </p>
      <div ref={roving.ref} onKeyDown={roving.onKeyDown} onFocusIn={roving.onFocusIn}>
        {groups.map(({ title, rooms: listed }) => (
          <section key={title} class="group" aria-label={title === "" ? "Open rooms" : title}>
            <h2 class={title === "" ? "hidden" : "group-title"}>
              {title === "" ? "Open rooms" : title}
              {title !== "" && <span class="muted">{listed.length}</span>}
            </h2>
            {listed.length > 0 && (
              <ul class="rooms">
                {listed.map((room) => (
                  <RoomRow
                    key={room.channelId}
                    room={room}
                    guildId={told ?? config.guildId}
                    claims={claims}
                    idleMinutes={config.roomIdleMinutes}
                    isOpen={room.channelId === item}
                    isActive={roving.isActive(room.channelId)}
                    mayEnd={
                      room.details?.createdBy === claims.sub ||
                      claims.scopes.includes(MANAGE_ROOMS_SCOPE)
                    }
                    onInvite={() => invite(room)}
                    onEnd={() => {
                      ending.value = room;
                    }}
                  />
                ))}
              </ul>
            )}
          </section>
        ))}
      </div>
      <Nothing
        state={
          !known ? "unknown" : rooms.size === 0 ? "none" : keys.length === 0 ? "unfound" : null
        }
        broken={guild.standing.value.trouble !== null}
        search={text}
        idleMinutes={config.roomIdleMinutes}
      />
      {known && item !== null && !rooms.has(item) && (
        <p class="gone muted">The room of this link is not open any more.</p>
      )}
      {making.value && (
        <NewRoomDialog
          guild={guild}
          guildId={guildId}
          user={user}
          onClose={(channelId) => {
            making.value = false;
            if (channelId === null) return;
            search.value = "";
            goTo(placeLink("rooms", channelId));
            focusRoom(channelId);
          }}
        />
      )}
      {ending.value !== null && (
        <EndRoomDialog
          guild={guild}
          room={rooms.get(ending.value.channelId) ?? ending.value}
          onClose={(ended) => {
            ending.value = null;
            if (!ended) return;
            goTo(placeLink("rooms"), "replace");
            // The pressed button is about to disappear.
            requestAnimationFrame(focusTitle);
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
    </>
  );
}

/** Shown when there is no room. */
function Nothing({
  state,
  broken,
  search,
  idleMinutes,
}: {
  readonly state: "unknown" | "none" | "unfound" | null;
  /** Whether the page already shows what is wrong. */
  readonly broken: boolean;
  readonly search: string;
  readonly idleMinutes: number;
}): JSX.Element | null {
  switch (state) {
    case null:
      return null;
    case "unknown":
      return (
        <div class="empty">
          <p>{broken ? "The rooms are shown once you are connected." : "Loading the rooms …"}</p>
        </div>
      );
    case "none": {
      const end = idleEndInWords(idleMinutes);
      return (
        <div class="empty">
          <p class="empty-title">No room is open</p>
          <p class="muted">
            Open one, and everybody here sees it at once. It becomes a voice channel in Discord
            {end === null ? "." : `, and ends by itself ${end}.`}
          </p>
        </div>
      );
    }
    case "unfound":
      return (
        <div class="empty">
          <p class="empty-title">No room or person matches</p>
          <p class="muted">No room, and nobody in one, has “{search.trim()}” in the name.</p>
        </div>
      );
  }
}

/** Focuses a room's row as soon as the stream has announced the room. */
function useFocusOnceThere(rooms: ReadonlyMap<string, RoomView>): (channelId: string) => void {
  const wanted = useRef<string | null>(null);
  const tryNow = (): void => {
    if (wanted.current === null || !rooms.has(wanted.current)) return;
    document.getElementById(`room-${wanted.current}`)?.focus();
    wanted.current = null;
  };
  useEffect(tryNow);
  return (channelId) => {
    wanted.current = channelId;
    requestAnimationFrame(tryNow);
  };
}
