import { signal } from "@preact/signals";
import { hasTexts, isRecord, isText } from "../../src/client/json-shape.ts";
import { FACTIONS } from "../../src/client/live-matches.ts";
import type { Match } from "../../src/client/resources.ts";
import { sideName } from "./match-words.ts";
import { httpsLink } from "./safe-link.ts";

/** A Discord user as far as the page knows them. */
export type Person = {
  readonly userId: string;
  readonly name: string;
  /** Their picture; null: initials are shown instead. */
  readonly avatarUrl: string | null;
};

/** At most this many people and channels are remembered; the oldest are dropped. */
const REMEMBERED_MAX = 2_000;

const people = signal<ReadonlyMap<string, Person>>(new Map());
const channels = signal<ReadonlyMap<string, string>>(new Map());

/** Remembers people, from whatever source. */
export function rememberPeople(told: readonly Person[]): void {
  const news = told.filter(({ userId, name, avatarUrl }) => {
    const known = people.value.get(userId);
    return known?.name !== name || known.avatarUrl !== avatarUrl;
  });
  if (news.length === 0) return;
  people.value = newest([...people.value, ...news.map((one) => [one.userId, one] as const)]);
}

/** Remembers channel names, because later events have only ids. */
export function rememberChannels(told: Iterable<readonly [channelId: string, name: string]>): void {
  const news = [...told].filter(([channelId, name]) => channels.value.get(channelId) !== name);
  if (news.length > 0) channels.value = newest([...channels.value, ...news]);
}

/** Remembers whose channels the channels of matches are: their own names contain a match id. */
export function rememberMatchChannels(matches: Iterable<Match>): void {
  rememberChannels(
    [...matches].flatMap(({ factions }) =>
      FACTIONS.flatMap((faction, index) => {
        const side = factions[faction];
        if (side.room === null) return [];
        return [[side.room.channelId, `${sideName(side, index)}'s voice channel`] as const];
      }),
    ),
  );
}

/** Forgets everybody and every channel: those of another server must not be offered here. */
export function forgetPeople(): void {
  people.value = new Map();
  channels.value = new Map();
}

function newest<T>(entries: readonly (readonly [string, T])[]): ReadonlyMap<string, T> {
  return new Map([...new Map(entries)].slice(-REMEMBERED_MAX));
}

/**
 * Parses a person from the server: a member of a room, the `user` of an event, an entry of `GET /people`.
 * Without a name there, what is already known stays.
 * @param userId for a shape that does not repeat it
 */
export function readPerson(value: unknown, userId?: string): Person | undefined {
  if (!isRecord(value)) return undefined;
  const id = isText(value["userId"]) ? value["userId"] : userId;
  if (id === undefined || !hasTexts(value, ["name"]) || value.name.trim() === "") return undefined;
  const picture = value["avatarUrl"];
  return { userId: id, name: value.name, avatarUrl: httpsLink(isText(picture) ? picture : null) };
}

/** A user, if known. */
export function knownPerson(userId: string): Person | undefined {
  return people.value.get(userId);
}

/** A user; an unknown one gets a distinguishable name. */
export function personOf(userId: string): Person {
  return knownPerson(userId) ?? { userId, name: `User …${userId.slice(-4)}`, avatarUrl: null };
}

/** The name of a user on the page. */
export function nameOf(userId: string): string {
  return personOf(userId).name;
}

/** The name of a channel, if known. */
export function channelName(channelId: string): string | undefined {
  return channels.value.get(channelId);
}

/**
 * The known people whose name contains this text, or whose id it is. Without a text: all of them.
 * @param leftOut ids to leave out
 */
export function knownPeople(text: string, leftOut: readonly string[] = []): readonly Person[] {
  const wanted = text.trim().toLocaleLowerCase();
  return [...people.value.values()].filter(
    ({ userId, name }) =>
      !leftOut.includes(userId) &&
      (wanted === "" || userId === wanted || name.toLocaleLowerCase().includes(wanted)),
  );
}

const segments = new Intl.Segmenter(undefined, { granularity: "grapheme" });

/** One or two characters that stand for a person without a picture. */
export function initialsOf(name: string): string {
  const words = name
    .split(/[\s_.-]+/u)
    .map((word) => word.replace(/^[^\p{L}\p{N}\p{Extended_Pictographic}]+/u, ""))
    .filter((word) => word !== "");
  const picked = words.length > 1 ? [words[0], words.at(-1)] : [words[0]];
  return picked
    .map((word = "") => [...segments.segment(word)][0]?.segment ?? "")
    .join("")
    .toLocaleUpperCase();
}
