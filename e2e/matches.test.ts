import { readdir } from "node:fs/promises";
import path from "node:path";
import { DatabaseSync } from "node:sqlite";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { z } from "zod";
import { LOBBY } from "../dev/discord/seed.ts";
import { Match } from "../src/protocol/match.ts";
import { eventually } from "../dev/testing/eventually.ts";
import { link, LinkBrowser } from "./link-browser.ts";
import type { DiscordControl } from "../dev/discord/control-client.ts";
import type { FaceitControl } from "../dev/faceit/control-client.ts";
import { Recorder } from "./recorder.ts";
import { checkHistory } from "./checker.ts";
import { startStack, type Stack } from "../dev/testing/stack.ts";

const PLAYER = (n: number): string => `10000000000000030${n}`;
/** Number of simultaneous matches; the benchmark plays many more. */
const CROWD = Number(process.env["MATCHES"] ?? 12);

let stack: Stack;
let discord: DiscordControl;
let faceit: FaceitControl;
let accounts: readonly { readonly playerId: string; readonly nickname: string }[];
let recorder: Recorder;

beforeAll(async () => {
  stack = await startStack();
  discord = stack.discord;
  faceit = stack.faceit;
  ({ accounts } = await faceit.state());
  recorder = new Recorder(stack.urls.worker, () => stack.token("watcher"));
});
afterAll(async () => {
  recorder.stop();
  await stack.stop();
});

const accountOf = (nickname: string): string =>
  accounts.find((one) => one.nickname === nickname)?.playerId ?? "";

async function linkButton(discordId: string): Promise<string> {
  const { buttons, ephemeral } = await discord.use({ userId: discordId, command: "link" });
  expect(ephemeral).toBe(true);
  return buttons[0]?.url ?? "";
}

/** The matches' channels in Discord, by name. */
async function channels(): Promise<ReadonlyMap<string, string>> {
  const state = await discord.state();
  return new Map(
    state.channels.flatMap(({ id, name }) => (name.startsWith("match-") ? [[name, id]] : [])),
  );
}

/** The channel of one side of the only match; it has to exist. */
async function channelOf(faction: string): Promise<string> {
  const channel = [...(await channels())].find(([name]) => name.endsWith(faction))?.[1];
  if (channel === undefined) throw new Error(`${faction} has no channel`);
  return channel;
}

async function whereIs(userId: string): Promise<string | null> {
  const { voiceStates } = await discord.state();
  return voiceStates.find(({ user_id: who }) => who === userId)?.channel_id ?? null;
}

/** Rows of the Worker's database. */
async function rows(sql: string): Promise<unknown[]> {
  const folder = path.join(stack.process.stateDir, "worker/v3/d1/miniflare-D1DatabaseObject");
  const [file = ""] = (await readdir(folder)).filter((name) => /^[0-9a-f]{64}\.sqlite$/.test(name));
  const database = new DatabaseSync(path.join(folder, file), { readOnly: true });
  try {
    return database.prepare(sql).all();
  } finally {
    database.close();
  }
}

async function matches(state: "live" | "ended"): Promise<readonly Match[]> {
  const response = await fetch(`${stack.urls.worker}/matches?state=${state}&limit=100`, {
    headers: { authorization: `Bearer ${await stack.token("watcher")}` },
  });
  return z.object({ matches: z.array(Match) }).parse(await response.json()).matches;
}

async function nothingIsLeft(): Promise<void> {
  await eventually("no channel, no row and no live match is left", async () => {
    expect([...(await channels()).keys()]).toEqual([]);
    expect(await rows("SELECT * FROM active_matches")).toEqual([]);
    expect(await matches("live")).toEqual([]);
  });
}

describe("linking", () => {
  it("leads from /link over Discord and FACEIT to a link, and reports it everywhere", async () => {
    const page = await link(await linkButton(PLAYER(1)), {
      discordId: PLAYER(1),
      playerId: accountOf("aurora_one"),
    });
    expect(page).toContain("aurora_one");
    await eventually("the player got a message", async () => {
      const told = await discord.messages();
      expect(told.find(({ recipientId }) => recipientId === PLAYER(1))?.content).toContain(
        "linked to the FACEIT account",
      );
    });
    const who = await discord.use({
      userId: PLAYER(2),
      command: "whois",
      options: { user: PLAYER(1) },
    });
    expect(who.content).toContain("aurora");
    expect(await rows("SELECT discord_id, faceit_id, verified_method FROM player_links")).toEqual([
      { discord_id: PLAYER(1), faceit_id: accountOf("aurora_one"), verified_method: "oauth" },
    ]);
  });

  it("refuses an attacker who opens another person's link, at each of its steps", async () => {
    const before = await rows("SELECT * FROM player_links");
    const victim = { discordId: PLAYER(3), playerId: accountOf("borealis_one") };
    // The button itself: Discord reports the victim.
    await link(await linkButton(PLAYER(2)), victim);
    // First the URL of Discord, then that of FACEIT, from the attacker's own browser.
    const attacker = new LinkBrowser();
    const opened = await attacker.open(await linkButton(PLAYER(2)));
    const stranger = new LinkBrowser();
    const atDiscord = await stranger.submit(opened.to ?? "", { user_id: PLAYER(2) });
    expect((await stranger.open(atDiscord.to ?? "")).to).toBeNull();
    const again = await attacker.open(await linkButton(PLAYER(2)));
    const proven = await attacker.submit(again.to ?? "", { user_id: PLAYER(2) });
    const back = await attacker.open(proven.to ?? "");
    const atFaceit = await stranger.submit(back.to ?? "", { player: victim.playerId });
    const end = await stranger.open(atFaceit.to ?? "");
    expect(end.page).not.toContain("borealis_one");
    expect(await rows("SELECT * FROM player_links")).toEqual(before);
  });

  it("is removed by /unlink", async () => {
    await link(await linkButton(PLAYER(4)), {
      discordId: PLAYER(4),
      playerId: accountOf("borealis_two"),
    });
    expect(await rows("SELECT * FROM player_links")).toHaveLength(2);
    await discord.use({ userId: PLAYER(4), command: "unlink" });
    expect(await rows("SELECT * FROM player_links")).toHaveLength(1);
  });
});

describe("a match", () => {
  it("gets its channels with the players in them, and leaves nothing when it is aborted", async () => {
    await link(await linkButton(PLAYER(2)), {
      discordId: PLAYER(2),
      playerId: accountOf("borealis_one"),
    });
    await discord.move(PLAYER(1), LOBBY);
    await discord.move(PLAYER(2), LOBBY);
    const mark = recorder.mark();
    const { matchId } = await faceit.createMatch();
    await eventually("the match is known", async () => {
      expect(await matches("live")).toMatchObject([{ matchId, status: "CHECK_IN" }]);
    });
    expect((await channels()).size).toBe(0);
    await faceit.move(matchId, "READY");
    await eventually("both channels exist, with the players in them", async () => {
      expect(await whereIs(PLAYER(1))).toBe(await channelOf("faction1"));
      expect(await whereIs(PLAYER(2))).toBe(await channelOf("faction2"));
    });
    await eventually("clients see who is in voice", async () => {
      const [match] = await matches("live");
      expect(match?.factions.faction1.inVoice).toEqual([PLAYER(1)]);
      expect(match?.factions.faction2.inVoice).toEqual([PLAYER(2)]);
    });
    await faceit.move(matchId, "ABORTED");
    await nothingIsLeft();
    await eventually("the players are back in the lobby", async () => {
      expect([await whereIs(PLAYER(1)), await whereIs(PLAYER(2))]).toEqual([LOBBY, LOBBY]);
    });
    await eventually("the stream has all events", () => {
      const told = recorder.since(mark).map(({ event }) => event);
      expect(told.filter((event) => /^match\.(?!updated)/.test(event))).toEqual([
        "match.created",
        "match.room.created",
        "match.room.created",
        "match.ended",
        "match.room.deleted",
        "match.room.deleted",
      ]);
    });
  });

  it("admits players who link during the match, and removes substituted ones", async () => {
    const { matchId } = await faceit.createMatch({ status: "READY" });
    await eventually("both channels exist", async () => {
      expect((await channels()).size).toBe(2);
    });
    await discord.move(PLAYER(5), LOBBY);
    await link(await linkButton(PLAYER(5)), {
      discordId: PLAYER(5),
      playerId: accountOf("borealis_three"),
    });
    const own = await channelOf("faction2");
    await eventually("the new player is in", async () => {
      expect(await whereIs(PLAYER(5))).toBe(own);
    });
    await faceit.substitute(matchId, {
      faction: "faction2",
      out: "borealis_three",
      in: "substitute_one",
    });
    await faceit.move(matchId, "ONGOING");
    await faceit.webhook({ event: "match_status_configuring", matchId });
    await eventually("the substituted player is removed", async () => {
      expect(await whereIs(PLAYER(5))).toBe(LOBBY);
    });
    await faceit.move(matchId, "FINISHED");
    await nothingIsLeft();
  });

  it("survives Discord's errors and a Worker that is killed repeatedly", async () => {
    const made = await Promise.all(
      Array.from({ length: 4 }, () => faceit.createMatch({ silent: true })),
    );
    const createChannel = { method: "POST" as const, path: "/guilds/:guildId/channels" };
    await discord.rest({ ...createChannel, status: 500, times: 2, afterEffect: true });
    for (const { matchId } of made) await faceit.move(matchId, "READY");
    await stack.kill("worker");
    await discord.rest({ ...createChannel, status: 0, times: 1, afterEffect: true });
    await eventually("each side of each match has one channel", async () => {
      const all = (await matches("live")).flatMap(({ factions: { faction1, faction2 } }) => [
        faction1.room?.channelId,
        faction2.room?.channelId,
      ]);
      expect(all).toHaveLength(8);
      expect(new Set((await channels()).values())).toEqual(new Set(all));
    });
    for (const { matchId } of made) await faceit.move(matchId, "CANCELLED");
    await stack.kill("worker");
    await nothingIsLeft();
  });

  it(`leaves nothing of ${CROWD} matches whose webhooks are doubled, late and out of order`, async () => {
    const made = await Promise.all(Array.from({ length: CROWD }, () => faceit.createMatch()));
    await faceit.hold(true);
    const endings = ["FINISHED", "ABORTED", "CANCELLED"];
    for (const [index, { matchId }] of made.entries()) {
      await faceit.move(matchId, "CONFIGURING");
      await faceit.move(matchId, "READY");
      if (index % 3 === 0) await faceit.move(matchId, endings[index % 2] ?? "");
    }
    await faceit.hold(false);
    await eventually("some of them have their channels", async () => {
      expect((await channels()).size).toBeGreaterThanOrEqual(CROWD / 2);
    });
    await Promise.all(
      made.map(async ({ matchId }, index) => {
        const copies = { duplicate: 1 + (index % 4), delayMs: (index % 5) * 100 };
        await faceit.webhook({ event: "match_status_ready", matchId, ...copies });
        if (index % 3 !== 0) await faceit.move(matchId, endings[index % 3] ?? "");
        await faceit.webhook({ event: "match_status_finished", matchId, ...copies });
        await faceit.webhook({ event: "match_object_created", matchId, version: 1, ...copies });
      }),
    );
    await eventually("all webhooks have arrived", async () => {
      // The channels of other matches were given up while the Worker was killed.
      const ours = new Set(made.map(({ matchId }) => matchId));
      const { deliveries } = await faceit.state();
      const sent = deliveries.filter(({ matchId }) => matchId !== null && ours.has(matchId));
      expect(sent.length).toBeGreaterThan(CROWD);
      expect(sent.filter(({ state }) => state !== "delivered")).toEqual([]);
    });
    await nothingIsLeft();
    checkHistory(recorder.history);
    expect((await discord.state()).channels.map(({ name }) => name)).toContain("Lobby");
  });
});
