import { describe, expect, it, onTestFinished } from "vitest";
import { LOBBY } from "../../dev/discord/seed.ts";
import { control } from "../../dev/doubles/control.ts";
import { BOT, call, GUILD, PLAYER, startForTest } from "../../dev/discord/test-client.ts";
import type { LocalDiscord } from "../../dev/discord/local-discord.ts";
import { eventually } from "../../dev/testing/eventually.ts";
import { startLibrary, type Told } from "./library.ts";

/** In the form of Discord's tokens, because some libraries read the bot's id from it. */
const TOKEN = `${Buffer.from(BOT).toString("base64url")}.GuildH.of-the-local-bot`;

/** One library waits 5 s before each new connection, and this machine may be slow. */
const DEADLINE_MS = 45_000;

/** The libraries, and whether each resumes after opcode 9 with true. The others open a new session. */
const LIBRARIES: readonly (readonly [name: string, readsOpcode9: boolean])[] = [
  ["discord.js", true],
  ["eris", false],
  ["oceanic.js", true],
  ["seyfert", true],
];

const withoutPython = process.env["WITHOUT_PYTHON_DISCORD"];

/** A room is created, a user joins and leaves, and the room is deleted. */
async function playRoom(discord: LocalDiscord, name: string): Promise<Told[]> {
  const made = await call(discord, "POST", `/guilds/${GUILD}/channels`, {
    body: { name, type: 2 },
    headers: { authorization: `Bot ${TOKEN}` },
  });
  const id = String(made.body["id"]);
  const move = (channelId: string | null) =>
    control(discord, "POST", "/voice", { userId: PLAYER, channelId });
  for (const channel of [id, LOBBY, null]) await move(channel);
  await control(discord, "DELETE", `/channels/${id}`);
  const voice = (channel: string | null): Told => ({ kind: "voice", user: PLAYER, channel });
  const created: Told = { kind: "created", id };
  return [created, voice(id), voice(LOBBY), voice(null), { kind: "deleted", id }];
}

/** Sessions opened and resumed so far. */
async function sessions(discord: LocalDiscord): Promise<{ identifies: number; resumes: number }> {
  const { identifies, resumes } = Object((await control(discord, "GET", "/state"))["gateway"]);
  return { identifies: Number(identifies), resumes: Number(resumes) };
}

/** Rooms and voice, each in their order: seyfert may dispatch an event before the previous one is handled. */
function sorted(told: readonly Told[]): { rooms: readonly Told[]; voice: readonly Told[] } {
  return {
    rooms: told.filter(({ kind }) => kind === "created" || kind === "deleted"),
    voice: told.filter(({ kind }) => kind === "voice"),
  };
}

async function watchRooms(name: string, readsOpcode9: boolean): Promise<void> {
  // Some libraries open a session at once where Discord requires a wait. Other tests cover that, so no wait is
  // required here.
  const discord = await startForTest({ botToken: TOKEN, identifyIntervalMs: 0 });
  const bot = startLibrary(name, discord.url, TOKEN);
  onTestFinished(bot.stop);
  const gateway = (action: string, more: Record<string, unknown> = {}) =>
    control(discord, "POST", "/gateway", { action, ...more });
  const kinds = (kind: Told["kind"]) => bot.told.filter((one) => one.kind === kind);
  const expected: Told[] = [];
  const hasSeenAll = async (what: string, resumes: number, identifies = 1): Promise<void> => {
    await eventually(
      `${name} has seen all ${what}`,
      async () => {
        expect(sorted(bot.told), bot.log()).toEqual(sorted(expected));
        expect(await sessions(discord)).toEqual({ identifies, resumes });
        expect(kinds("resumed")).toHaveLength(resumes);
      },
      DEADLINE_MS,
    );
  };

  await eventually(
    `${name} is ready and knows the guild`,
    () => {
      expect(kinds("ready"), bot.log()).not.toEqual([]);
      expect(kinds("guild").at(-1)).toEqual({ kind: "guild", rooms: [LOBBY] });
    },
    DEADLINE_MS,
  );
  expected.push(...(await playRoom(discord, "On a good line")));
  await hasSeenAll("on a good line", 0);

  // Nothing reaches the old connection, so the events can only arrive by a resume.
  await gateway("zombie");
  expected.push(...(await playRoom(discord, "On a silent line")));
  await gateway("drop");
  await hasSeenAll("of a line that went silent and was cut", 1);

  await gateway("reconnect");
  expected.push(...(await playRoom(discord, "While it is told to reconnect")));
  await hasSeenAll("around opcode 7", 2);

  if (readsOpcode9) {
    await gateway("invalidate", { resumable: true });
    expected.push(...(await playRoom(discord, "While its session is suspended")));
    await hasSeenAll("around opcode 9 with true", 3);
  }
  const { resumes } = await sessions(discord);

  const { id } = await control(discord, "POST", "/channels", { name: "For the next session" });
  expected.push({ kind: "created", id: String(id) });
  await hasSeenAll("before its session ends", resumes);
  await gateway("invalidate", { resumable: false });
  await eventually(
    `${name} has opened another session and knows the rooms`,
    async () => {
      expect(await sessions(discord), bot.log()).toEqual({ identifies: 2, resumes });
      expect(kinds("guild").at(-1)).toEqual({ kind: "guild", rooms: [LOBBY, String(id)] });
    },
    DEADLINE_MS,
  );
  expected.push(...(await playRoom(discord, "In the next session")));
  await hasSeenAll("in the next session", resumes, 2);
}

describe("an independent gateway library sees rooms appear and disappear, and resumes without a gap", () => {
  it.each(LIBRARIES)("%s", watchRooms);

  it.skipIf(withoutPython !== undefined)("python3-discord of Debian", async () =>
    watchRooms("python3-discord", true),
  );
});
