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
  /** Their picture; null: initials stand for it. */
  readonly avatarUrl: string | null;
};

/** So many people and channels are remembered; the oldest go. */
const REMEMBERED_MAX = 2_000;

const people = signal<ReadonlyMap<string, Person>>(new Map());
const channels = signal<ReadonlyMap<string, string>>(new Map());

/** Takes in who people are, from wherever it was told. */
export function rememberPeople(told: readonly Person[]): void {
  const news = told.filter(({ userId, name, avatarUrl }) => {
    const known = people.value.get(userId);
    return known?.name !== name || known.avatarUrl !== avatarUrl;
  });
  if (news.length === 0) return;
  people.value = newest([...people.value, ...news.map((one) => [one.userId, one] as const)]);
}

/** Takes in what channels are called: what is told of them later has their ids only. */
export function rememberChannels(told: Iterable<readonly [channelId: string, name: string]>): void {
  const news = [...told].filter(([channelId, name]) => channels.value.get(channelId) !== name);
  if (news.length > 0) channels.value = newest([...channels.value, ...news]);
}

/** Takes in whose the channels of matches are: their own names are those of a match's id. */
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

/** Forgets everybody and every channel: those of another server are not offered here. */
export function forgetPeople(): void {
  people.value = new Map();
  channels.value = new Map();
}

function newest<T>(entries: readonly (readonly [string, T])[]): ReadonlyMap<string, T> {
  return new Map([...new Map(entries)].slice(-REMEMBERED_MAX));
}

/**
 * Reads a person out of what the server told: a member of a room, the `user` of an event, an entry
 * of `GET /people`. Whoever has no name there is left to what is known already.
 * @param userId for a shape that does not repeat it
 */
export function readPerson(value: unknown, userId?: string): Person | undefined {
  if (!isRecord(value)) return undefined;
  const id = isText(value["userId"]) ? value["userId"] : userId;
  if (id === undefined || !hasTexts(value, ["name"]) || value.name.trim() === "") return undefined;
  const picture = value["avatarUrl"];
  return { userId: id, name: value.name, avatarUrl: httpsLink(isText(picture) ? picture : null) };
}

/** Who a user is, if anybody has told. */
export function knownPerson(userId: string): Person | undefined {
  return people.value.get(userId);
}

/** Who a user is; one whom nobody has named yet gets a name that can be told apart from others. */
export function personOf(userId: string): Person {
  return knownPerson(userId) ?? { userId, name: `User …${userId.slice(-4)}`, avatarUrl: null };
}

/** What a user is called on the page. */
export function nameOf(userId: string): string {
  return personOf(userId).name;
}

/** What a channel is called, if anybody has told. */
export function channelName(channelId: string): string | undefined {
  return channels.value.get(channelId);
}

/**
 * The people whom the page knows, as far as name or id has this text in it.
 * @param leftOut ids of those who are not wanted
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

/** One or two signs that stand for a name where there is no picture. */
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
