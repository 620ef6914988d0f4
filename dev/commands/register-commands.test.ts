import { readFile } from "node:fs/promises";
import { afterEach, describe, expect, it, vi } from "vitest";
import { BOT, GUILD, startForTest, TOKEN } from "../discord/test-client.ts";
import { registerCommands, servedGuilds, type CommandTarget } from "./register-commands.ts";

const OURS = JSON.parse(
  await readFile(new URL("../../docs/spec/slash-commands.json", import.meta.url), "utf8"),
) as readonly Record<string, unknown>[];
const COMMANDS = [
  {
    name: "hello",
    description: "Says hello",
    default_member_permissions: "32",
    contexts: [0],
    options: [
      { name: "user", description: "To whom", type: 6, required: true },
      { name: "word", description: "Which", type: 3, required: false, max_length: 64 },
    ],
  },
  ...OURS,
];

async function localTarget(): Promise<CommandTarget> {
  const { url } = await startForTest();
  return { apiUrl: `${url}/api/v10`, botToken: TOKEN, applicationId: BOT, guildId: GUILD };
}

/** Methods of the requests that were sent. */
function spyOnRequests(): string[] {
  const methods: string[] = [];
  const send = globalThis.fetch;
  vi.spyOn(globalThis, "fetch").mockImplementation((input, init) => {
    methods.push(init?.method ?? "GET");
    return send(input, init);
  });
  return methods;
}

afterEach(() => void vi.restoreAllMocks());

describe("registering slash commands", () => {
  it("replaces a guild's commands once, and sends nothing while they are the same", async () => {
    const target = await localTarget();
    const methods = spyOnRequests();
    expect(await registerCommands(target, COMMANDS, true)).toEqual({ ok: true, value: "differs" });
    expect(methods).toEqual(["GET"]);
    expect(await registerCommands(target, COMMANDS, false)).toEqual({
      ok: true,
      value: "replaced",
    });
    expect(methods.slice(1)).toEqual(["GET", "PUT"]);
    // In any order: Discord has one of its own.
    for (const again of [COMMANDS, COMMANDS.toReversed()]) {
      expect(await registerCommands(target, again, false)).toEqual({ ok: true, value: "same" });
    }
    expect(methods.slice(3)).toEqual(["GET", "GET"]);
  });

  it("does not send the bot's token to where it is redirected", async () => {
    const moved = { status: 307, headers: { Location: "https://evil.test/" } };
    const sent = vi.spyOn(globalThis, "fetch").mockResolvedValue(new Response(null, moved));
    const target = { apiUrl: "https://discord.test", botToken: TOKEN, applicationId: BOT };
    const registered = await registerCommands({ ...target, guildId: GUILD }, COMMANDS, false);
    expect(registered).toEqual({ ok: false, error: expect.stringContaining("answered 307") });
    expect(sent).toHaveBeenCalledOnce();
    expect(sent.mock.calls[0]?.[1]).toMatchObject({ redirect: "manual" });
  });

  it("sees every difference", async () => {
    const target = await localTarget();
    const [first, ...rest] = COMMANDS;
    await registerCommands(target, COMMANDS, false);
    for (const other of [
      rest,
      [...COMMANDS, { name: "more", description: "More", contexts: [0] }],
      [{ ...first, description: "Another text" }, ...rest],
      [{ ...first, default_member_permissions: "8" }, ...rest],
      [{ ...first, options: [{ name: "o", description: "O", type: 3, required: true }] }, ...rest],
    ]) {
      expect(await registerCommands(target, other, true)).toEqual({ ok: true, value: "differs" });
    }
  });

  it.each<[string, Partial<CommandTarget>, string]>([
    ["another token", { botToken: "wrong" }, "check DISCORD_BOT_TOKEN"],
    ["another application", { applicationId: "666" }, "DISCORD_APPLICATION_ID 666"],
    ["a guild without the bot", { guildId: "999" }, "may not have commands in guild 999"],
    ["nobody there", { apiUrl: "http://127.0.0.1:1/api" }, "is npm start running?"],
  ])("says what to do: %s", async (_, wrong, words) => {
    const answer = await registerCommands({ ...(await localTarget()), ...wrong }, COMMANDS, false);
    expect(answer.ok ? "" : answer.error).toContain(words);
    expect(JSON.stringify(answer)).not.toContain(TOKEN);
  });

  it("is for the primary guild, and each that an organizer names, once", () => {
    const organizers = [{ guildId: null }, { guildId: "2" }, { guildId: "1" }, { guildId: "2" }];
    expect(servedGuilds({ primaryGuildId: "1", faceit: { organizers } })).toEqual(["1", "2"]);
  });
});
