import { useSignal } from "@preact/signals";
import type { JSX } from "preact";
import type { MemberView, RoomDetails, RoomView } from "../../../src/client/guild-view.ts";
import type { Claims } from "../claims.ts";
import { nameOf } from "../people.ts";
import { discordLink, seats } from "../room-list.ts";
import { goTo, placeLink } from "../routes.ts";
import { clock, duration, moment } from "../time-words.ts";
import { idleEndInWords, openerInWords } from "../words.ts";
import { useFitting, useFollowable, useNow } from "./hooks.ts";
import { ChevronIcon, LockIcon, OutIcon } from "./icons.tsx";
import { Avatar } from "./person.tsx";

/** A person who joined within this time is marked as new, milliseconds. */
const NEW_FOR_MS = 4_000;
/** A row shows at most this many people, and fewer if it is narrow; an open row shows all. */
const ROW_PEOPLE_MAX = 6;

/** One open room: a row that opens to show everybody in it and the actions. */
export function RoomRow({
  room,
  guildId,
  claims,
  idleMinutes,
  isOpen,
  isActive,
  mayEnd,
  onInvite,
  onEnd,
}: {
  readonly room: RoomView;
  readonly guildId: string;
  readonly claims: Claims;
  /** An empty room ends after this many minutes; 0: it does not. */
  readonly idleMinutes: number;
  readonly isOpen: boolean;
  /** Whether Tab leads to this row. */
  readonly isActive: boolean;
  readonly mayEnd: boolean;
  readonly onInvite: () => Promise<void>;
  readonly onEnd: () => void;
}): JSX.Element {
  const { channelId, name, members, details } = room;
  const tabIndex = isActive ? 0 : -1;
  const { text, full } = seats(room);
  return (
    <li class={isOpen ? "room room-open" : "room"} data-row={channelId}>
      <div class="room-row">
        <span class={members.length > 0 ? "room-dot room-dot-on" : "room-dot"} aria-hidden="true" />
        <div class="room-title">
          <h3 class="room-name">
            <button
              type="button"
              id={`room-${channelId}`}
              data-column="name"
              title={name}
              tabIndex={tabIndex}
              aria-expanded={isOpen}
              aria-controls={isOpen ? `room-${channelId}-panel` : undefined}
              onClick={() =>
                isOpen
                  ? goTo(placeLink("rooms"), "replace")
                  : goTo(
                      placeLink("rooms", channelId),
                      location.hash.includes("rooms/") ? "replace" : "push",
                    )
              }
            >
              <bdi>{name}</bdi>
            </button>
          </h3>
          {details?.private === true && (
            <span class="room-lock" title="Private">
              <LockIcon />
              <span class="hidden">Private</span>
            </span>
          )}
        </div>
        <span class="room-people">
          {!isOpen && <People room={room} me={claims.discordId} inRow />}
        </span>
        <span class={full ? "room-seats room-full" : "room-seats"}>{text}</span>
        <Age details={details} />
        <a
          class="button button-small room-join"
          data-column="join"
          tabIndex={tabIndex}
          href={discordLink(guildId, channelId)}
          target="_blank"
          rel="noreferrer"
          aria-label={`Open in Discord: ${name}, in a new tab`}
        >
          <OutIcon /> <span>Open in Discord</span>
        </a>
        <span class="room-chevron">
          <ChevronIcon />
        </span>
      </div>
      {isOpen && (
        <div class="room-panel" id={`room-${channelId}-panel`}>
          <People room={room} me={claims.discordId} />
          <p class="muted">{factsOf(details, claims.sub, idleMinutes)}</p>
          <div class="room-actions">
            <InviteButton name={name} onInvite={onInvite} />
            {mayEnd && (
              <button
                type="button"
                class="button button-danger"
                aria-label={`End ${name}`}
                onClick={onEnd}
              >
                End
              </button>
            )}
          </div>
        </div>
      )}
    </li>
  );
}

function InviteButton({
  name,
  onInvite,
}: {
  readonly name: string;
  readonly onInvite: () => Promise<void>;
}): JSX.Element {
  const inviting = useSignal(false);
  return (
    <button
      type="button"
      class="button"
      aria-label={`Invite to ${name}`}
      aria-disabled={inviting.value}
      onClick={() => {
        if (inviting.value) return;
        inviting.value = true;
        void onInvite().finally(() => {
          inviting.value = false;
        });
      }}
    >
      Invite
    </button>
  );
}

function factsOf(details: RoomDetails | null, me: string, idleMinutes: number): string {
  if (details === null) return "Just opened.";
  const end = idleEndInWords(idleMinutes);
  const { userLimit, createdBy, createdAt } = details;
  return [
    `Opened at ${moment(Date.parse(createdAt))}${openerInWords(createdBy, me)}.`,
    userLimit === 0 ? "Takes any number of people." : `Takes up to ${userLimit}.`,
    end === null ? "" : `Ends by itself ${end}.`,
    details.private ? "Private: only the people on its list see it and get in." : "",
  ]
    .filter((sentence) => sentence !== "")
    .join(" ");
}

const userIdOf = (member: MemberView): string => member.userId;

/** Everybody in a room; in its row, as many as fit. */
function People({
  room,
  me,
  inRow = false,
}: {
  readonly room: RoomView;
  readonly me: string | undefined;
  readonly inRow?: boolean;
}): JSX.Element {
  const everybody = useFollowable(room.members, userIdOf);
  const { ref, fitting } = useFitting(everybody.length);
  const people = inRow ? everybody.slice(0, ROW_PEOPLE_MAX) : everybody;
  const shown = inRow ? people.slice(0, fitting) : people;
  const more = room.members.length - shown.filter(({ leaving }) => !leaving).length;
  const now = Date.now();
  return (
    <ul ref={inRow ? ref : null} class="members" aria-label={`People in ${room.name}`}>
      {people.map(({ item: { userId, joinedAt }, leaving }, index) => (
        <li
          key={userId}
          class={[
            "member",
            leaving ? "member-leaving" : "",
            now - joinedAt < NEW_FOR_MS ? "member-new" : "",
            index < shown.length ? "" : "member-beyond",
          ].join(" ")}
          aria-hidden={leaving}
          title={`${nameOf(userId)}, since ${clock(joinedAt)}`}
        >
          <Avatar userId={userId} />
          <bdi class="member-name">{nameOf(userId)}</bdi>
          {userId === me && <span class="muted"> (you)</span>}
        </li>
      ))}
      {everybody.length === 0 && <li class="members-none">Nobody is in it</li>}
      {inRow && <li class={more > 0 ? "members-more" : "members-more members-all"}>+{more}</li>}
    </ul>
  );
}

function Age({ details }: { readonly details: RoomDetails | null }): JSX.Element {
  const now = useNow(30_000);
  const at = details === null ? now : Date.parse(details.createdAt);
  return (
    <span class="room-age" title={`Opened at ${clock(at)}`}>
      {now - at < 60_000 ? "new" : `open ${duration(now - at)}`}
    </span>
  );
}
