import type { GuildEvent } from "../../src/client/guild-event.ts";
import type { LogEntry, Mark } from "../../src/client/guild-view.ts";
import { matchName, statusWords } from "./match-words.ts";
import { channelName, knownPerson, nameOf } from "./people.ts";
import { count, duration } from "./time-words.ts";

/** A sentence; its names are separate, so that the page can emphasize them. */
export type Words = readonly (string | { readonly name: string })[];

/** The topic of a log line. */
export type Topic = "rooms" | "matches" | "people" | "connection";

/** The plain text of a sentence. */
export function plain(words: Words): string {
  return words.map((part) => (typeof part === "string" ? part : part.name)).join("");
}

/** A log line as a sentence. */
export function entryInWords(entry: LogEntry): Words {
  if (entry.kind === "mark") return [markInWords(entry.mark)];
  if (entry.event === null) return ["This page is out of date. Reload it to see what happened"];
  return eventInWords(entry.event, entry.roomName);
}

/** The topic of a log line. */
export function topicOf(entry: LogEntry): Topic {
  if (entry.kind === "mark") return "connection";
  if (entry.eventName.startsWith("voice.")) return "people";
  if (entry.eventName.startsWith("match.")) return "matches";
  return entry.eventName === "gateway.state" ? "connection" : "rooms";
}

function eventInWords({ event, payload }: GuildEvent, roomName: string | null): Words {
  switch (event) {
    case "room.created":
      return [{ name: payload.name }, " was opened"];
    case "room.updated":
      return [{ name: payload.name }, ` was changed: ${limitInWords(payload.userLimit)}`];
    case "room.deleted":
      return [roomName === null ? "A room" : { name: roomName }, " ended"];
    case "voice.joined":
      return [{ name: nameOf(payload.userId) }, " joined ", place(roomName, payload.channelId)];
    case "voice.left":
      return [{ name: nameOf(payload.userId) }, " left ", place(roomName, payload.channelId)];
    case "gateway.state":
      return [GATEWAY_SENTENCES[payload.state]];
    case "match.created":
      return ["New match: ", { name: matchName(payload.match) }];
    case "match.updated":
      return [{ name: matchName(payload.match) }, `: ${statusWords(payload.match.status).text}`];
    case "match.room.created":
      return [{ name: channelName(payload.channelId) ?? payload.name }, " was opened"];
    case "match.room.deleted":
      return [gone(roomName, payload.channelId), " was removed"];
    case "match.ended":
      return [
        { name: matchName(payload.match) },
        ` is over: ${statusWords(payload.match.status).text.toLowerCase()}`,
      ];
  }
}

const GATEWAY_SENTENCES = {
  connected: "Discord is connected",
  resuming: "The connection to Discord was lost and is being restored",
  down: "Discord is not connected",
} as const;

function place(roomName: string | null, channelId: string): Words[number] {
  const name = roomName ?? channelName(channelId);
  return name === undefined ? "a voice channel" : { name };
}

function gone(roomName: string | null, channelId: string): Words[number] {
  const name = roomName ?? channelName(channelId);
  return name === undefined ? "A match's channel" : { name };
}

function markInWords(mark: Mark): string {
  switch (mark.type) {
    case "snapshot":
      return SNAPSHOT_SENTENCES[mark.reason];
    case "resumed":
      return mark.events === 0
        ? "Reconnected: nothing was missed"
        : `Reconnected, with ${count(mark.events, "missed event")}`;
    case "hole":
      return "An event did not arrive, and is requested again";
    case "lost":
      return mark.why === LOST ? LOST : `${LOST} ${mark.why}`.trim();
  }
}

const LOST = "The connection was lost.";

const SNAPSHOT_SENTENCES = {
  first_connection: "You opened this page",
  unknown_epoch: "The server restarted, and everything was loaded again",
  too_old: "You were away for a long time, and everything was loaded again",
  ahead_of_hub: "The server went back to an earlier state, and everything was loaded again",
  invalid_position: "Everything was loaded again",
} as const;

/** How many people have this guild open, including the reader. */
export function pageReaders(people: number): string {
  return people === 1
    ? "1 person has this page open"
    : `${people.toLocaleString()} people have this page open`;
}

/**
 * The owner of a room, as the end of a sentence; empty: unknown. The name is known if sign-ins have Discord
 * ids.
 * @param me the reader's own `sub`
 */
export function openerInWords(createdBy: string, me: string): string {
  if (createdBy === me) return " by you";
  const name = knownPerson(createdBy)?.name;
  return name === undefined ? "" : ` by ${name}`;
}

/** The user limit of a room in words. */
function limitInWords(userLimit: number): string {
  return userLimit === 0 ? "for any number of people" : `for up to ${userLimit} people`;
}

/**
 * When a room ends, to continue "Ends by itself".
 * @param idleMinutes of an empty room; 0: it never ends, and this is null
 */
export function idleEndInWords(idleMinutes: number): string | null {
  return idleMinutes === 0
    ? null
    : `when it stays empty for ${duration(Math.ceil(idleMinutes) * 60_000)}`;
}
