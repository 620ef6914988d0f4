import { readdir, readFile } from "node:fs/promises";
import path from "node:path";
import { beforeAll, expect, test } from "vitest";

const ROOT = path.resolve(import.meta.dirname, "../..");
const HUB = "src/hub/";

/** Words that belong to one product or one of its areas. The engine serves hubs of every kind. */
const FOREIGN: ReadonlySet<string> = new Set([
  "guild",
  "discord",
  "room",
  "channel",
  "voice",
  "slash",
  "match",
  "faceit",
  "music",
  "player",
  "chat",
  "sync",
]);

/** Parts of `src/hub` that are not the engine. */
const NOT_ENGINE: readonly { readonly prefix: string; readonly why: string }[] = [
  { prefix: "dialects/guild.ts", why: "the wire of guilds" },
  { prefix: "golden-frames.ts", why: "examples of that wire" },
  { prefix: "guild-channels.ts", why: "their wire, for AsyncAPI" },
  { prefix: "guild-kind.ts", why: "the hubs of guilds" },
  { prefix: "guild-config.ts", why: "their variables" },
  { prefix: "routes/", why: "the routes to hubs of guilds" },
  { prefix: "index.ts", why: "contributes those routes" },
  { prefix: "kinds.ts", why: "makes the kind of the product" },
  { prefix: "area.ts", why: "what areas add to the product, slash commands among it" },
];

const ONE_VERSION_BACK = "objects and Workers of the version before know a hub by this member";

/** Texts of the engine that may have such a word. */
const ALLOWED: readonly { readonly file: string; readonly text: string; readonly why: string }[] = [
  { file: "core/relay-calls.ts", text: "readonly guildId: string;", why: ONE_VERSION_BACK },
  { file: "core/relay-fanout.ts", text: "guildId: hub,", why: ONE_VERSION_BACK },
  { file: "relay-object.ts", text: "call.guildId", why: ONE_VERSION_BACK },
  { file: "handover.ts", text: "reads the name as `guildId`", why: ONE_VERSION_BACK },
  { file: "handover.ts", text: "guildId: handover.hub", why: ONE_VERSION_BACK },
  { file: "handover.ts", text: "guildId?: unknown", why: ONE_VERSION_BACK },
  { file: "handover.ts", text: "sends the name as `guildId`", why: ONE_VERSION_BACK },
  { file: "handover.ts", text: "sent.guildId", why: ONE_VERSION_BACK },
  { file: "ticket.ts", text: "guildId: ticket.hub,", why: ONE_VERSION_BACK },
  { file: "ticket.ts", text: 'payload["guildId"]', why: ONE_VERSION_BACK },
  {
    file: "edge/frame-mark.ts",
    text: "as `dialects/guild.ts` writes it",
    why: "the only dialect over HTTP",
  },
  { file: "hub-facts.ts", text: "every hub was once a guild's", why: "explains the stored name" },
  { file: "hub-facts.ts", text: 'NAME_FACT = "guild"', why: "stored by every hub there is" },
  {
    file: "dialects/socket-io.ts",
    text: "SUBSCRIBE_CHANNELS_MAX",
    why: "one bound of topics for all dialects, named after the older one",
  },
];

/** The product's own name, the specification that comments refer to (CONTRIBUTING.md), and a call of the runtime. */
const NAMES = /guildhub|rooms\.md §|transactionSync/gi;

/** The foreign words of a source text, in identifiers, texts and comments alike. */
function foreignWords(source: string): string[] {
  const words = source
    .replaceAll(NAMES, "")
    .replaceAll(/(?<=[a-z\d])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])/g, " ")
    .toLowerCase()
    .match(/[a-z]+/g);
  return (words ?? []).filter((word) => FOREIGN.has(word.replace(/(?<=match)es$|s$/, "")));
}

let sources: ReadonlyMap<string, string>;

beforeAll(async () => {
  const names = await readdir(path.join(ROOT, HUB), { recursive: true });
  const files = names.filter(
    (name) => name === "SPEC.md" || (name.endsWith(".ts") && !name.endsWith(".test.ts")),
  );
  sources = new Map(
    await Promise.all(
      files.map(
        async (file) => [file, await readFile(path.join(ROOT, HUB, file), "utf8")] as const,
      ),
    ),
  );
});

test("the engine names no guild, and nothing of an area", () => {
  expect(sources.size).toBeGreaterThan(60);
  const found = [...sources]
    .filter(([file]) => !NOT_ENGINE.some(({ prefix }) => file.startsWith(prefix)))
    .flatMap(([file, source]) => {
      const allowed = ALLOWED.filter((one) => one.file === file);
      const rest = allowed.reduce((text, one) => text.replaceAll(one.text, ""), source);
      return rest
        .split("\n")
        .flatMap((line, at) => foreignWords(line).map((word) => `${file}:${at + 1} ${word}`));
    });
  expect(found).toEqual([]);
});

test("no exception has outlived its reason", () => {
  const unused = ALLOWED.filter(({ file, text }) => sources.get(file)?.includes(text) !== true);
  expect(unused).toEqual([]);
  const gone = NOT_ENGINE.filter(
    ({ prefix }) => ![...sources.keys()].some((file) => file.startsWith(prefix)),
  );
  expect(gone).toEqual([]);
});

test.each([
  ["const guildId = 1;", ["guild"]],
  ["type OpenRooms = {};", ["rooms"]],
  ['throw new Error("no such match");', ["match"]],
  ["// Discord's FACEIT matches", ["discord", "faceit", "matches"]],
  ["GUILD_HUBS", ["guild"]],
  ["import { musicQueue } from './players.ts';", ["music", "players"]],
  ["// Sync and chats have hubs of their own.", ["sync", "chats"]],
  ["an async turn, synchronous, storage.transactionSync(run)", []],
  ["X-GuildHub-Handover, guildhub, (rooms.md §2)", []],
  ["a mushroom matched the guilder", []],
])("the words of %s are %j", (source, words) => {
  expect(foreignWords(source)).toEqual(words);
});
