import { type Column, percent, tableOf, whole } from "../report/table.ts";
import { totalCost } from "./arithmetic.ts";
import {
  type Chat,
  CHAT_ASSUMPTIONS,
  CHAT_ROWS,
  chatUsage,
  clientCallsUsage,
  followers,
  journalPerUserUsage,
  membersOnline,
  mostEvents,
  shardLoad,
} from "./chat-arithmetic.ts";

/** Deployments of chat in the tables, from small to large. */
const CHATS: readonly (Chat & { readonly name: string })[] = [
  { name: "one club", spaces: 20, users: 2_000, spacesPerUser: 3, eventsPerSecond: 0.2, shards: 1 },
  {
    name: "friends",
    spaces: 20_000,
    users: 10_000,
    spacesPerUser: 10,
    eventsPerSecond: 0.01,
    shards: 4,
  },
  {
    name: "many clubs",
    spaces: 2_000,
    users: 20_000,
    spacesPerUser: 10,
    eventsPerSecond: 0.1,
    shards: 8,
  },
  {
    name: "large ones",
    spaces: 100,
    users: 100_000,
    spacesPerUser: 5,
    eventsPerSecond: 2,
    shards: 32,
  },
  {
    name: "all kinds",
    spaces: 100_000,
    users: 200_000,
    spacesPerUser: 10,
    eventsPerSecond: 0.02,
    shards: 64,
  },
];
/** Members of a space that are online. */
const SIZES_OF_SPACES = [2, 5, 20, 100, 1_000, 10_000];
const SHARDS = [1, 4, 16, 64, 256];

/** Calls of clients to each other, a second. */
const CALLS = [
  ["200 a day", 200 / 86_400],
  ["10,000 a day", 10_000 / 86_400],
  ["1/s", 1],
  ["100/s", 100],
  ["250/s", 250],
  ["500/s", 500],
  ["1,000/s", 1_000],
] as const;

/** The tables about shards and about calls between clients, by name, as docs/scale.md shows them. */
export function chatTables(): Record<string, string> {
  return {
    follows: followsTable(),
    chats: chatsTable(),
    shards: shardsTable(),
    chatcost: costTable(),
    ceiling: ceilingTable(),
    calls: callsTable(),
  };
}

function followsTable(): string {
  const { atHome } = CHAT_ASSUMPTIONS;
  return tableOf(SIZES_OF_SPACES, [
    ["members online", whole],
    ...SHARDS.slice(1).map((shards): Column<number> => [
      `${shards} shards`,
      (members) => some(followers(members, shards)),
    ]),
    ...[64, 256].map((shards): Column<number> => [
      `${shards}, by space`,
      (members) => some(followers(members, shards, atHome)),
    ]),
  ]);
}

function chatsTable(): string {
  return tableOf(CHATS, [
    ["", ({ name }) => name],
    ["spaces", ({ spaces }) => whole(spaces)],
    ["users online", ({ users }) => whole(users)],
    ["spaces of a user", ({ spacesPerUser }) => whole(spacesPerUser)],
    ["events/s of a space", ({ eventsPerSecond }) => String(eventsPerSecond)],
    ["of all", ({ spaces, eventsPerSecond }) => whole(spaces * eventsPerSecond)],
    ["members online", (chat) => whole(membersOnline(chat))],
    ["shards", ({ shards }) => whole(shards)],
    ["calls per publish", (chat) => some(atRandom(chat))],
    ["by space", (chat) => some(bySpace(chat))],
  ]);
}

function shardsTable(): string {
  const load = (chat: Chat) => shardLoad(chat, atRandom(chat));
  return tableOf(CHATS, [
    ["one shard of", ({ name }) => name],
    ["connections", ({ users, shards }) => whole(users / shards)],
    ["follows", (chat) => whole(load(chat).spaces)],
    ["takes and writes, events/s", (chat) => whole(load(chat).events)],
    ["by space", (chat) => whole(shardLoad(chat, bySpace(chat)).events)],
    ["sends, events/s", (chat) => whole(load(chat).deliveries)],
    ["thread", (chat) => percent(load(chat).thread)],
    ["index", (chat) => `${(load(chat).indexBytes / 1e6).toFixed(1)} MB`],
    ["10,000 events last", (chat) => `${whole(load(chat).journalSeconds)} s`],
  ]);
}

function costTable(): string {
  const rows = (chat: Chat, followedBy: number): string =>
    whole((chatUsage(chat, followedBy).rowsWritten ?? 0) / 1e6);
  const shards = (chat: Chat): number => totalCost(chatUsage(chat, atRandom(chat)));
  return tableOf(CHATS, [
    ["a month of", ({ name }) => name],
    ["rows, million", (chat) => rows(chat, atRandom(chat))],
    ["cost", (chat) => dollars(shards(chat))],
    ["by space", (chat) => dollars(totalCost(chatUsage(chat, bySpace(chat))))],
    ["each 1,000 users", (chat) => dollars((shards(chat) * 1_000) / chat.users)],
    [
      "journal per user: rows, million",
      (chat) => whole((journalPerUserUsage(chat).rowsWritten ?? 0) / 1e6),
    ],
    ["its cost", (chat) => dollars(totalCost(journalPerUserUsage(chat)))],
  ]);
}

function ceilingTable(): string {
  return tableOf(SHARDS, [
    ["shards", whole],
    ...[5, 100, 1_000, 10_000].map((members): Column<number> => [
      `${whole(members)} online`,
      (shards) => whole(mostEvents(members, shards)),
    ]),
    ...[5, 100].map((members): Column<number> => [
      `${members} online, by space`,
      (shards) => whole(mostEvents(members, shards, homeShare(shards))),
    ]),
  ]);
}

function callsTable(): string {
  const { clientCallMs } = CHAT_ASSUMPTIONS;
  return tableOf(CALLS, [
    ["calls of an account", ([label]) => label],
    ["messages/s", ([, rate]) => some(2 * rate)],
    ["rows/s", ([, rate]) => some(CHAT_ROWS.clientCall * rate)],
    ["thread", ([, rate]) => percent((rate * clientCallMs) / 1000)],
    ["a month", ([, rate]) => dollars(totalCost(clientCallsUsage(rate)))],
  ]);
}

/** Calls of a publish when users are placed without regard to their spaces. */
function atRandom(chat: Chat): number {
  return followers(membersOnline(chat), chat.shards);
}

function bySpace(chat: Chat): number {
  return followers(membersOnline(chat), chat.shards, homeShare(chat.shards));
}

function homeShare(shards: number): number {
  return Math.max(CHAT_ASSUMPTIONS.atHome, 1 / shards);
}

/** A number that may be small. */
function some(value: number): string {
  if (value >= 100) return whole(value);
  return value >= 10 ? value.toFixed(0) : value.toPrecision(2);
}

function dollars(value: number): string {
  return value < 10 ? `$${value.toFixed(2)}` : `$${whole(value)}`;
}
