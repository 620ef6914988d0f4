import { execFile } from "node:child_process";
import { randomBytes } from "node:crypto";
import { readFile } from "node:fs/promises";
import path from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { LOBBY } from "../../dev/discord/seed.ts";
import type { DiscordControl } from "../../dev/discord/control-client.ts";
import { startLocalDiscord } from "../../dev/discord/local-discord.ts";
import type { RestExchange } from "../../dev/discord/rest/recording.ts";
import { BOT, call, GUILD, PLAYER, TEXT_CHANNEL, TOKEN } from "../../dev/discord/test-client.ts";
import type { FaceitControl } from "../../dev/faceit/control-client.ts";
import { Api } from "../../dev/testing/api.ts";
import { eventually } from "../../dev/testing/eventually.ts";
import { link } from "../link-browser.ts";
import { startStack, type Stack } from "../../dev/testing/stack.ts";
import { USER_AGENT } from "../../src/protocol/outbound.ts";
import { judge, recordFile } from "./judge.ts";
import { loadOperations, type Operation } from "./specification.ts";

const root = path.resolve(import.meta.dirname, "../..");
const run = promisify(execFile);

/** Operations that no route of the one client uses: those of the container, linking and the command line. */
const OTHER_OPERATIONS = [
  "GET /gateway/bot",
  "POST /oauth2/token",
  "GET /users/@me",
  "GET /applications/:applicationId/guilds/:guildId/commands",
  "PUT /applications/:applicationId/guilds/:guildId/commands",
];

let operations: readonly Operation[];
beforeAll(async () => {
  operations = await loadOperations();
});

const problemsOf = (exchange: RestExchange) => judge(exchange, operations).problems;

/** All problems of a recording, each once. */
function allProblems(exchanges: readonly RestExchange[]): readonly string[] {
  return [...new Set(exchanges.flatMap((exchange) => problemsOf(exchange)))];
}

describe("the judge", () => {
  let made: RestExchange;
  let refused: RestExchange;
  beforeAll(async () => {
    const record = recordFile();
    const discord = await startLocalDiscord({
      port: 0,
      botToken: TOKEN,
      recordFile: record.path,
    });
    const create = (body: unknown) =>
      call(discord, "POST", `/guilds/${GUILD}/channels`, {
        body,
        headers: { "user-agent": USER_AGENT, "x-audit-log-reason": "why%20not" },
      });
    const deny = [{ id: PLAYER, type: 1, allow: "0", deny: "1024" }];
    await create({ name: "Room", type: 2, user_limit: 4, permission_overwrites: deny });
    await create({ name: "" });
    const [first, second] = record.exchanges();
    if (first === undefined || second === undefined) expect.fail("nothing was recorded");
    [made, refused] = [first, second];
    record.remove();
    await discord.close();
  });

  it("accepts a good exchange, ours or another one", () => {
    expect(problemsOf(made)).toEqual([]);
    expect(problemsOf({ ...made, headers: {} })).toEqual([]);
    // The invalid name is ours: the refusal itself is correct.
    expect(problemsOf({ ...refused, request: made.request })).toEqual([]);
  });

  const withBody = (change: Record<string, unknown>): RestExchange => ({
    ...made,
    request: JSON.stringify({ ...JSON.parse(made.request), ...change }),
  });
  const withAnswer = (of: RestExchange, change: Record<string, unknown>): RestExchange => ({
    ...of,
    answer: JSON.stringify({ ...JSON.parse(of.answer), ...change }),
  });

  it.each<[string, () => RestExchange, string]>([
    ["an empty name", () => refused, "name"],
    ["a limit that is text", () => withBody({ user_limit: "4" }), "user_limit"],
    ["an unknown member", () => withBody({ usr_limit: 4 }), "usr_limit: no such member"],
    [
      "an overwrite without an id",
      () => withBody({ permission_overwrites: [{ type: 1 }] }),
      "permission_overwrites.0.id",
    ],
    [
      "permission bits that are no number",
      () => withBody({ permission_overwrites: [{ id: "1", type: 1, allow: "all" }] }),
      "permission_overwrites.0.allow",
    ],
    ["no body", () => ({ ...made, request: "nonsense" }), "body"],
    [
      "a body of another type",
      () => ({ ...made, headers: { ...made.headers, "content-type": "text/plain" } }),
      "without the JSON content type",
    ],
    [
      "a user's token",
      () => ({ ...made, headers: { ...made.headers, authorization: "Bearer x" } }),
      'authorization by "Bearer"',
    ],
    [
      "a reason that is not encoded",
      () => ({ ...made, headers: { ...made.headers, "x-audit-log-reason": "why not" } }),
      "x-audit-log-reason",
    ],
    ["an unknown query", () => ({ ...made, query: { wait: "true" } }), "query"],
    ["a malformed guild id", () => ({ ...made, path: "/guilds/abc/channels" }), "guild_id"],
    ["an unknown path", () => ({ ...made, path: "/rooms" }), "no such operation"],
    ["an answer without a position", () => withAnswer(made, { position: undefined }), "position"],
    ["an invented member", () => withAnswer(made, { room: true }), "room: no such member"],
    ["another status", () => ({ ...made, status: 200 }), "no such status 200"],
    ["an answer that is not JSON", () => ({ ...made, answer: "<html>" }), "answer 201"],
    ["an error without a code", () => withAnswer(refused, { code: undefined }), "code"],
    [
      "a form error without a code",
      () => withAnswer(refused, { errors: { name: { _errors: [{ message: "x" }] } } }),
      "errors",
    ],
    [
      "only some of the limit's headers",
      () => ({
        ...made,
        answerHeaders: { "content-type": "application/json", "x-ratelimit-limit": "1" },
      }),
      "of the limit's headers",
    ],
    [
      "a 429 without a time",
      () => ({ ...refused, status: 429, answer: '{"message":"x","retry_after":1,"global":false}' }),
      "no Retry-After",
    ],
  ])("reports %s", (_, broken, problem) => {
    expect(problemsOf(broken()).join("\n")).toContain(problem);
  });
});

describe("Discord's specification", () => {
  it("is met by every answer of the local Discord to its own tests", async () => {
    const record = recordFile();
    onTestFinished(record.remove);
    const vitest = path.join(root, "node_modules/vitest/vitest.mjs");
    // `npm test` shows whether these tests pass; here only their requests matter.
    const files = ["rest", "interactions", "oauth2"].map((name) => `dev/discord/${name}`);
    await run(process.execPath, [vitest, "run", "--project=node", ...files], {
      cwd: root,
      env: { ...process.env, DISCORD_RECORD_FILE: record.path },
      maxBuffer: 64 * 1024 * 1024,
    }).catch(() => undefined);
    const exchanges = record.exchanges();
    const seen = new Set(exchanges.map(({ method, status }) => `${method} ${status}`));
    for (const what of ["GET 200", "POST 201", "POST 400", "GET 403", "GET 404", "GET 429"]) {
      expect(seen).toContain(what);
    }
    expect(allProblems(exchanges)).toEqual([]);
  });

  describe("for what we send", () => {
    const record = recordFile();
    const botToken = randomBytes(32).toString("base64url");
    let stack: Stack;
    let discord: DiscordControl;
    let faceit: FaceitControl;

    beforeAll(async () => {
      stack = await startStack({
        DISCORD_RECORD_FILE: record.path,
        DISCORD_BOT_TOKEN: botToken,
        MATCH_NOTICE_CHANNEL_ID: TEXT_CHANNEL,
      });
      discord = stack.discord;
      faceit = stack.faceit;
    });
    afterAll(async () => {
      await stack.stop();
      record.remove();
    });

    const ours = () =>
      record.exchanges().filter(({ headers }) => headers["user-agent"] === USER_AGENT);

    async function linkPlayer(discordId: string, nickname: string): Promise<void> {
      const { accounts } = await faceit.state();
      const playerId = accounts.find((one) => one.nickname === nickname)?.playerId ?? "";
      const { buttons } = await discord.use({ userId: discordId, command: "link" });
      await link(buttons[0]?.url ?? "", { discordId, playerId });
    }

    const channelsOfMatches = async () =>
      (await discord.state()).channels.filter(({ name }) => name.startsWith("match-"));

    it("is met by rooms", async () => {
      await stack.untilReady();
      const api = new Api(stack, await stack.token("alice", { discord_id: PLAYER }));
      const open = await api.createRoom({ parentId: "100000000000000010", name: "Ré um ☃" });
      const hidden = await api.createRoom({
        private: true,
        allowedUserIds: ["200000000000000001"],
      });
      expect((await api.call("POST", `/rooms/${open}/invite`, {})).status).toBe(201);
      const invite = { maxAge: 60, maxUses: 1 };
      expect((await api.call("POST", `/rooms/${hidden}/invite`, invite)).status).toBe(201);
      // The answer is lost, so the Worker looks up the result in the audit log.
      const channels = { method: "POST" as const, path: "/guilds/:guildId/channels" };
      await discord.rest({ ...channels, status: 0, times: 1, afterEffect: true });
      await api.call("POST", "/create-room", { name: "Lost and found" });
      const refusals = [
        { status: 429, retryAfter: 0.2 },
        { status: 403, code: 50_013 },
        { status: 500 },
      ];
      for (const refusal of refusals) {
        await discord.rest({ ...channels, ...refusal, times: 1 });
        await api.call("POST", "/create-room", {});
      }
      const nowhere = await api.call("POST", "/create-room", { parentId: "300000000000000009" });
      expect(nowhere.status).toBe(502);
      await discord.deleteChannel(open);
      for (const room of await api.rooms()) await api.endRoom(room.channelId);
    });

    it("is met by linking, commands and interactions", async () => {
      await discord.checkInteractions();
      await linkPlayer(PLAYER, "aurora_one");
      const whois = { userId: PLAYER, command: "whois", options: { user: PLAYER } };
      expect((await discord.use(whois)).content).toContain("aurora");
      const search = { userId: PLAYER, command: "whois", options: { nickname: "aurora_one" } };
      expect((await discord.use(search)).content).toContain(PLAYER);
      await linkPlayer("100000000000000304", "borealis_two");
      await discord.use({ userId: "100000000000000304", command: "unlink" });
      await discord.changeUser("100000000000000305", { acceptsDirectMessages: false });
      await linkPlayer("100000000000000305", "borealis_three");
      const register = () =>
        run(process.execPath, [path.join(root, "dev/discord-commands.ts")], {
          cwd: root,
          env: {
            ...process.env,
            DISCORD_BOT_TOKEN: botToken,
            DISCORD_API_URL: `${stack.urls.discord}/api/v10`,
            DISCORD_APPLICATION_ID: BOT,
            PRIMARY_GUILD_ID: GUILD,
          },
        });
      expect((await register()).stdout).toContain("has these commands now");
      expect((await register()).stdout).toContain("has these commands already");
      const registered = { userId: PLAYER, command: "whois", options: { user: PLAYER } };
      expect((await discord.use(registered)).ephemeral).toBe(true);
    });

    it("is met by matches", async () => {
      await discord.move(PLAYER, LOBBY);
      // The guild is full, which the notice reports. Then an answer is lost, and the Worker looks up the result in
      // the channel list.
      const channels = { method: "POST" as const, path: "/guilds/:guildId/channels" };
      await discord.rest({ ...channels, status: 400, code: 30_013, times: 1 });
      const { matchId } = await faceit.createMatch({ status: "READY" });
      await eventually("the operators know", async () => {
        expect((await discord.messages()).some(({ channelId }) => channelId === TEXT_CHANNEL)).toBe(
          true,
        );
      });
      await discord.rest({ ...channels, status: 500, times: 1, afterEffect: true });
      await eventually("both sides have a channel with the linked player in it", async () => {
        expect(await channelsOfMatches()).toHaveLength(2);
        const { voiceStates } = await discord.state();
        expect(voiceStates.find(({ user_id: id }) => id === PLAYER)?.channel_id).not.toBe(LOBBY);
      });
      await linkPlayer("100000000000000304", "borealis_one");
      await eventually("a player who links is admitted", () => {
        const put = (one: RestExchange) =>
          one.method === "PUT" && one.path.endsWith("/permissions/100000000000000304");
        expect(ours().some(put)).toBe(true);
      });
      const faction = "faction2" as const;
      await faceit.substitute(matchId, { faction, out: "borealis_one", in: "substitute_one" });
      await faceit.webhook({ event: "match_status_configuring", matchId });
      await eventually("a substituted player is removed", () => {
        expect(
          ours().some(
            ({ method, path: where }) => method === "DELETE" && where.includes("/permissions/"),
          ),
        ).toBe(true);
      });
      await faceit.move(matchId, "FINISHED");
      await eventually("nothing is left", async () => {
        expect(await channelsOfMatches()).toEqual([]);
      });
    });

    it("has seen every operation, with good and bad answers", async () => {
      const source = await readFile(
        path.join(root, "src/platform/discord/discord-client.ts"),
        "utf8",
      );
      const calls = source.matchAll(/method: "([A-Z]+)",\s+route: "([^"]+)"/g);
      const wanted = [...calls].map(([, method = "", route = ""]) => `${method} ${route}`);
      expect(wanted.length).toBeGreaterThanOrEqual(13);
      const shape = (text: string) => text.replaceAll(/:\w+|\{\w+\}/g, ":id");
      const verdicts = ours().map((one) => ({ ...judge(one, operations), status: one.status }));
      const good = verdicts.filter(({ status }) => status < 300);
      const seen = new Set(good.map(({ operation }) => shape(operation ?? "none")));
      expect([...seen].toSorted()).toEqual(
        [...new Set([...wanted, ...OTHER_OPERATIONS].map(shape))].toSorted(),
      );
      const answered = record.exchanges().filter(({ path: where }) => where.endsWith("/callback"));
      expect(answered.length).toBeGreaterThanOrEqual(5);
      const bad = new Set(verdicts.map(({ status }) => status).filter((status) => status >= 400));
      for (const status of [400, 403, 429, 500]) expect(bad).toContain(status);
    });

    it("is met by all of it", () => {
      expect(ours().length).toBeGreaterThan(30);
      expect(allProblems(record.exchanges())).toEqual([]);
      expect(new Set(ours().flatMap(({ headers }) => headers["authorization"] ?? []))).toContain(
        `Bot ${botToken}`,
      );
    });
  });
});
