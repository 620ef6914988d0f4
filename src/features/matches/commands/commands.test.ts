import { beforeEach, describe, expect, it } from "vitest";
import type { SlashCommandUse } from "../../../platform/discord/interactions/slash-command.ts";
import { err, ok } from "../../../platform/result.ts";
import { MemoryLinkPorts } from "../../../testing/memory-link-ports.ts";
import { hashOf } from "../linking/secrets.ts";
import type { CommandPorts, FaceitFailure, FaceitPlayer, PlayerLink } from "../ports.ts";
import { answerLink, answerUnlink, link, unlink } from "./link.ts";
import { answerInServedGuild } from "./served-command.ts";
import { answerRegister, register } from "./register.ts";
import { answerWhois, whois } from "./whois.ts";

const GUILD = "100000000000000001";
const ALICE = "100000000000000021";
const BOB = "100000000000000022";
const ADMINISTRATOR = 8n;

let memory: MemoryLinkPorts;
let ports: CommandPorts;
/** FACEIT's players by nickname, or the failure for one. */
let players: Map<string, FaceitPlayer | FaceitFailure>;
let elsewhere: Set<string>;
let allowed: { begin: boolean; lookUp: boolean };

const use = (more: Partial<SlashCommandUse> = {}): SlashCommandUse => ({
  guildId: GUILD,
  userId: ALICE,
  permissions: 0n,
  options: {},
  ...more,
});

const linked = (more: Partial<PlayerLink> = {}): PlayerLink => ({
  discordId: ALICE,
  faceitId: "player",
  nickname: "aurora_*one*",
  verifiedMethod: "oauth",
  linkedAt: 1_795_226_000_999,
  ...more,
});

beforeEach(() => {
  memory = new MemoryLinkPorts();
  players = new Map();
  elsewhere = new Set();
  allowed = { begin: true, lookUp: true };
  const { attempts, links, tellMatches, clock, newSecret, later } = memory;
  ports = {
    attempts,
    links,
    tellMatches,
    clock,
    newSecret,
    later,
    faceit: {
      playerByNickname: (nickname) => {
        const found = players.get(nickname) ?? null;
        return Promise.resolve(found !== null && "kind" in found ? err(found) : ok(found));
      },
    },
    linkPage: ok("https://hub.test/faceit/link"),
    isServed: (guildId) => guildId === GUILD,
    mayRegister: (guildId) => guildId === GUILD,
    isMember: (_, discordId) => Promise.resolve(!elsewhere.has(discordId)),
    mayBegin: () => Promise.resolve(allowed.begin),
    mayLookUp: () => Promise.resolve(allowed.lookUp),
  };
});

describe("/link", () => {
  it("gives a button whose state is kept as a hash, for this user in this guild", async () => {
    const { content, button } = await answerLink(ports, use());
    expect(content).toContain("ten minutes");
    const url = new URL(button?.url ?? "");
    expect(url.origin + url.pathname).toBe("https://hub.test/faceit/link");
    const state = url.searchParams.get("state") ?? "";
    expect([...memory.attempts.rows.values()]).toEqual([
      {
        stateHash: await hashOf(state),
        step: "open",
        discordId: ALICE,
        guildId: GUILD,
        browserHash: null,
        expiresAt: memory.now + 600_000,
      },
    ]);
  });

  it("reports an existing link, and offers to change it", async () => {
    memory.links.rows = [linked()];
    const { content, button } = await answerLink(ports, use());
    expect(content).toContain(String.raw`**aurora\_\*one\***`);
    expect(button?.label).toBe("Change the link");
  });

  it("asks a user above the limit to wait", async () => {
    allowed.begin = false;
    const { content, button } = await answerLink(ports, use());
    expect(content).toContain("wait some minutes");
    expect(button).toBeUndefined();
    expect(memory.attempts.rows.size).toBe(0);
  });

  it("names the missing variables when linking is not set up", async () => {
    const missing = err(["FACEIT_CLIENT_ID", "DISCORD_CLIENT_SECRET"] as const);
    const { content } = await answerLink({ ...ports, linkPage: missing }, use());
    expect(content).toContain("`FACEIT_CLIENT_ID`, `DISCORD_CLIENT_SECRET`");
  });
});

describe("/unlink", () => {
  it("removes the link and pending steps, and wakes the live match", async () => {
    memory.links.rows = [linked(), linked({ discordId: BOB, faceitId: "other" })];
    memory.live.set("player", "1-match");
    await answerLink(ports, use());
    const { content } = await answerUnlink(ports, use());
    expect(content).toContain("no longer linked");
    expect(memory.links.rows.map(({ discordId }) => discordId)).toEqual([BOB]);
    expect(memory.attempts.rows.size).toBe(0);
    await Promise.all(memory.pending);
    expect(memory.looked).toEqual(["1-match"]);
  });

  it("reports that there is no link", async () => {
    expect((await answerUnlink(ports, use())).content).toContain("not linked");
    expect(memory.pending).toEqual([]);
  });
});

describe("/whois", () => {
  it("shows the user's own link, that of a Discord user, and that of a nickname", async () => {
    memory.links.rows = [
      linked(),
      linked({ discordId: BOB, faceitId: "b", verifiedMethod: "manual" }),
    ];
    players.set("Bob", { playerId: "b", nickname: "Bob" });
    const self = await answerWhois(ports, use());
    expect(self.content).toContain(`<@${ALICE}> is **aurora\\_\\*one\\*** at FACEIT`);
    expect(self.content).toContain("proven by signing in at FACEIT, <t:1795226000:D>");
    for (const options of [{ user: BOB }, { nickname: " Bob " }]) {
      const { content } = await answerWhois(ports, use({ options }));
      expect(content).toContain(`<@${BOB}> is`);
      expect(content).toContain("registered by an administrator");
    }
  });

  it.each<[Record<string, string>, string]>([
    [{}, `<@${ALICE}> is not linked to FACEIT.`],
    [{ user: BOB }, `<@${BOB}> is not linked`],
    [{ nickname: "free" }, String.raw`**fr\_ee** is not linked to anybody in this server`],
    [{ nickname: "nobody" }, "no player with this nickname"],
    [{ nickname: "down" }, "does not answer"],
    [{ nickname: "refused" }, "FACEIT_API_KEY"],
    [{ nickname: "busy" }, "in 3 seconds"],
  ])("%j: says %j", async (options, words) => {
    players
      .set("free", { playerId: "f", nickname: "fr_ee" })
      .set("down", { kind: "failed" })
      .set("refused", { kind: "refused" })
      .set("busy", { kind: "rate_limited", retryAfterMs: 2_100 });
    expect((await answerWhois(ports, use({ options }))).content).toContain(words);
  });

  it("shows no link of a user who is not in this server", async () => {
    memory.links.rows = [linked({ discordId: BOB, faceitId: "b" })];
    players.set("Bob", { playerId: "b", nickname: "Bob" });
    elsewhere.add(BOB);
    const byUser = await answerWhois(ports, use({ options: { user: BOB } }));
    memory.links.rows = [];
    expect(byUser).toEqual(await answerWhois(ports, use({ options: { user: BOB } })));
    memory.links.rows = [linked({ discordId: BOB, faceitId: "b" })];
    const { content } = await answerWhois(ports, use({ options: { nickname: "Bob" } }));
    expect(content).toContain("not linked to anybody in this server");
    expect(content).not.toContain(BOB);
    const silent = { ...ports, isMember: () => Promise.resolve(null) };
    const unknown = await answerWhois(silent, use({ options: { nickname: "Bob" } }));
    expect(unknown.content).toContain("Discord does not answer");
  });

  it.each([{ nickname: "x" }, { user: BOB }])(
    "asks a user above the limit to wait: %j",
    async (options) => {
      allowed.lookUp = false;
      const { content } = await answerWhois(ports, use({ options }));
      expect(content).toContain("Wait a minute");
      expect((await answerWhois(ports, use())).content).toContain("not linked to FACEIT");
    },
  );
});

describe("/register", () => {
  const options = { user: BOB, nickname: "Bob_" };
  const byAdmin = (more: Partial<SlashCommandUse> = {}) =>
    answerRegister(ports, use({ permissions: ADMINISTRATOR, options, ...more }));

  beforeEach(() => void players.set("Bob_", { playerId: "b", nickname: "Bob_" }));

  it.each([ADMINISTRATOR, ADMINISTRATOR | 1024n])(
    "links a user for an administrator: permissions %s",
    async (permissions) => {
      memory.live.set("b", "1-match");
      expect((await byAdmin({ permissions })).content).toContain(
        String.raw`<@${"100000000000000022"}> is registered as **Bob\_**`,
      );
      expect(memory.links.rows).toEqual([
        {
          discordId: BOB,
          faceitId: "b",
          nickname: "Bob_",
          verifiedMethod: "manual",
          linkedAt: memory.now,
        },
      ]);
      await Promise.all(memory.pending);
      expect(memory.looked).toEqual(["1-match"]);
    },
  );

  it("is refused to users who are not administrators, even if Discord shows them the command", async () => {
    const { content } = await byAdmin({ permissions: ~ADMINISTRATOR & 0xffffffffn });
    expect(content).toContain("Only an administrator");
    expect(memory.links.rows).toEqual([]);
  });

  it("is refused to administrators of another guild, because links hold in all guilds", async () => {
    const { content } = await byAdmin({ guildId: "200" });
    expect(content).toContain("main server");
    expect(memory.links.rows).toEqual([]);
  });

  it("does not replace a proven link, on either side", async () => {
    for (const proven of [linked({ faceitId: "b" }), linked({ discordId: BOB })]) {
      memory.links.rows = [proven];
      expect((await byAdmin()).content).toContain("linked by signing in at FACEIT already");
      expect(memory.links.rows).toEqual([proven]);
    }
    expect(memory.pending).toEqual([]);
  });

  it("replaces an earlier registration", async () => {
    memory.links.rows = [linked({ faceitId: "b", verifiedMethod: "manual" })];
    expect((await byAdmin()).content).toContain(
      `<@${ALICE}>, who was linked to it before, no longer is.`,
    );
    expect(memory.links.rows.map(({ discordId }) => discordId)).toEqual([BOB]);
  });

  it.each<[Record<string, string>, string]>([
    [{ user: BOB }, "Say who"],
    [{ user: BOB, nickname: "  " }, "Say who"],
    [{ nickname: "Bob_" }, "Say who"],
    [{ user: BOB, nickname: "nobody" }, "no player with this nickname"],
    [{ user: BOB, nickname: "down" }, "does not answer"],
  ])("%j: says %j", async (wanted, words) => {
    players.set("down", { kind: "failed" });
    expect((await byAdmin({ options: wanted })).content).toContain(words);
    expect(memory.links.rows).toEqual([]);
  });
});

const COMMANDS = [link, unlink, whois, register];

describe("the commands", () => {
  it("reveal nothing about links in a guild that this deployment does not serve", async () => {
    memory.links.rows = [linked()];
    const inAnother = use({ guildId: "666", permissions: ADMINISTRATOR });
    for (const answer of [answerLink, answerUnlink, answerWhois, answerRegister]) {
      const { content } = await answerInServedGuild(answer, ports, inAnother);
      expect(content).toContain("has no matches here");
    }
    expect(memory.links.rows).toHaveLength(1);
    expect((await answerInServedGuild(answerWhois, ports, use())).content).toContain("at FACEIT");
  });

  it("have definitions that Discord accepts", () => {
    for (const { definition } of COMMANDS) {
      expect(definition.name).toMatch(/^[a-z0-9_-]{1,32}$/);
      expect(definition.description.length).toBeLessThanOrEqual(100);
      expect(definition.contexts).toEqual([0]);
      const required = (definition.options ?? []).map((option) => option.required);
      // Discord requires required options to come first.
      expect(required.lastIndexOf(true)).toBe(required.filter(Boolean).length - 1);
    }
    const restricted = COMMANDS.filter(
      ({ definition }) => definition.default_member_permissions !== undefined,
    );
    expect(restricted.map(({ definition }) => definition.name)).toEqual(["register"]);
  });
});
