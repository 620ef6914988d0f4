import type { GuildEvent } from "../../src/client/guild-event.ts";
import type { LogEntry, Mark } from "../../src/client/guild-view.ts";
import type { ConnectionState } from "../../src/client/stream-item.ts";
import { matchName, statusWords } from "./match-words.ts";
import { channelName, nameOf } from "./names.ts";

/** A sentence; its names are set apart, so that the page can show them stronger. */
export type Words = readonly (string | { readonly name: string })[];

/** What kind of thing a line of the log tells. */
export type Topic = "rooms" | "matches" | "people" | "connection";

/** The plain text of a sentence. */
export function plain(words: Words): string {
  return words.map((part) => (typeof part === "string" ? part : part.name)).join("");
}

/** A line of the log as a sentence. */
export function entryInWords(entry: LogEntry): Words {
  if (entry.kind === "mark") return [markInWords(entry.mark)];
  if (entry.event === null) return [`Something else happened: ${entry.eventName}`];
  return eventInWords(entry.event, entry.roomName);
}

/** What a line of the log is about. */
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
      return [{ name: payload.name }, ` was changed, ${limitInWords(payload.userLimit)}`];
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
      return [{ name: payload.name }, " was opened for a match"];
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
  resuming: "Discord's connection broke and is being resumed",
  down: "Discord is not connected",
} as const;

function place(roomName: string | null, channelId: string): Words[number] {
  const name = roomName ?? channelName(channelId);
  return name === undefined ? `channel ${channelId}` : { name };
}

function gone(roomName: string | null, channelId: string): Words[number] {
  const name = roomName ?? channelName(channelId);
  return name === undefined ? "A match's channel" : { name };
}

function markInWords(mark: Mark): string {
  switch (mark.type) {
    case "snapshot":
      return `${SNAPSHOT_SENTENCES[mark.reason]}, as of event ${mark.seq}`;
    case "resumed":
      return mark.events === 0
        ? "Back again: nothing was missed"
        : `Back again: ${count(mark.events, "missed event")} caught up`;
    case "hole":
      return `An event after ${mark.after} did not arrive: asking for it again`;
    case "lost":
      return `Disconnected. ${mark.why}`;
  }
}

const SNAPSHOT_SENTENCES = {
  first_connection: "Everything loaded",
  unknown_epoch: "Everything loaded anew, because the server starts a new count",
  too_old: "Everything loaded anew, because this page was away too long",
  ahead_of_hub: "Everything loaded anew, because the server is behind this page",
  invalid_position: "Everything loaded anew",
} as const;

/** How good a state is; the page shows it as a colour and a shape. */
export type Tone = "good" | "busy" | "bad" | "quiet";

/** Where the stream stands, in a word or two; `more` for who asks. */
export function connectionWords(state: ConnectionState): {
  readonly tone: Tone;
  readonly text: string;
  readonly more: string;
} {
  switch (state.kind) {
    case "connecting":
      return { tone: "busy", text: "Connecting", more: "" };
    case "live": {
      const since = `Connected since ${clock(state.since)}`;
      return state.over === "websocket"
        ? { tone: "good", text: "Live", more: since }
        : {
            tone: "good",
            text: "Live over HTTP",
            more: `${since}. Your network lets no WebSocket through; nothing is missed.`,
          };
    }
    case "waiting":
      return { tone: "busy", text: state.offline ? "Offline" : "Reconnecting", more: state.why };
    case "signed-out":
      return { tone: "bad", text: "Signed out", more: "" };
    case "stopped":
      return { tone: "bad", text: "Stopped", more: state.why };
  }
}

/** How many people have this guild open; oneself is one of them. */
export function peopleHere(people: number): string {
  return people === 1 ? "1 person here" : `${people.toLocaleString()} people here`;
}

/** How many a room takes. */
export function limitInWords(userLimit: number): string {
  return userLimit === 0 ? "no limit" : `for up to ${userLimit}`;
}

/** A number with its noun. */
export function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? "" : "s"}`;
}

/**
 * A length of time, coarse enough to stay still.
 * @param ms milliseconds; below zero (clocks differ) counts as none
 */
export function duration(ms: number): string {
  const minutes = Math.floor(Math.max(0, ms) / 60_000);
  if (minutes < 1) return "less than a minute";
  if (minutes < 60) return `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  if (hours < 24) return minutes % 60 === 0 ? `${hours} h` : `${hours} h ${minutes % 60} min`;
  return count(Math.floor(hours / 24), "day");
}

const SHORT_CLOCK = new Intl.DateTimeFormat(undefined, { timeStyle: "short" });
const CLOCK = new Intl.DateTimeFormat(undefined, { timeStyle: "medium" });

/** The time of day, in the reader's own way. Milliseconds since 1970. */
export function clock(at: number): string {
  return CLOCK.format(at);
}

/** The time of day without seconds. Milliseconds since 1970. */
export function shortClock(at: number): string {
  return SHORT_CLOCK.format(at);
}
