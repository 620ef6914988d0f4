import { generateKeyPairSync, sign } from "node:crypto";
import { afterEach, describe, expect, it, vi } from "vitest";
import { INTERACTION_DEADLINE_MS, INTERACTION_MAX_SKEW_SECONDS } from "../../../protocol/limits.ts";
import type { PlatformEnv } from "../../env.ts";
import { CommandInteraction, toInteractionAnswer } from "./interaction.ts";
import { answerCommand } from "./serve-interactions.ts";
import { escapeMarkdown, type SlashCommand, type SlashCommandUse } from "./slash-command.ts";
import { verifyInteraction } from "./verify.ts";

const NOW = 1_795_226_000_000;
const { publicKey, privateKey } = generateKeyPairSync("ed25519");
const PUBLIC_KEY = publicKey.export({ type: "spki", format: "der" }).subarray(-32).toString("hex");

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

function signed(body: string, seconds: number | string = NOW / 1000) {
  const timestamp = String(seconds);
  return {
    timestamp,
    signature: sign(null, bytes(timestamp + body), privateKey).toString("hex"),
  };
}

describe("Discord's signature", () => {
  const body = '{"type":1}';
  const verified = (
    headers: Parameters<typeof verifyInteraction>[1],
    text = body,
    key = PUBLIC_KEY,
  ) => verifyInteraction(key, headers, bytes(text), NOW);

  it("is accepted when it fits timestamp and body", async () => {
    expect(await verified(signed(body))).toBe(true);
    const { timestamp, signature } = signed(body);
    expect(await verified({ timestamp, signature: signature.toUpperCase() })).toBe(true);
  });

  it("is refused with another body, another timestamp or another key", async () => {
    expect(await verified(signed(body), `${body} `)).toBe(false);
    expect(await verified({ ...signed(body), timestamp: String(NOW / 1000 + 1) })).toBe(false);
    const other = generateKeyPairSync("ed25519").publicKey.export({ type: "spki", format: "der" });
    expect(await verified(signed(body), body, other.subarray(-32).toString("hex"))).toBe(false);
  });

  it("is refused when it is more than five minutes old, or that far in the future", async () => {
    for (const sense of [-1, 1]) {
      const edge = NOW / 1000 + sense * INTERACTION_MAX_SKEW_SECONDS;
      expect(await verified(signed(body, edge))).toBe(true);
      expect(await verified(signed(body, edge + sense))).toBe(false);
    }
  });

  it.each([
    ["nothing", { timestamp: null, signature: null }],
    ["no signature", { ...signed(body), signature: null }],
    ["no timestamp", { ...signed(body), timestamp: null }],
    ["a word as timestamp", signed(body, "now")],
    ["a timestamp with a sign", signed(body, `+${NOW / 1000}`)],
    ["half a signature", { ...signed(body), signature: signed(body).signature.slice(0, 64) }],
    ["digits that are not hexadecimal", { ...signed(body), signature: "zz".repeat(64) }],
    ["a point that is not on the curve", { ...signed(body), signature: "ff".repeat(64) }],
    ["an odd number of digits", { ...signed(body), signature: `${signed(body).signature}0` }],
    ["an empty signature", { ...signed(body), signature: "" }],
  ])("is refused with %s, and nothing is thrown", async (_, headers) => {
    expect(await verified(headers)).toBe(false);
  });

  it("is refused when the public key is malformed", async () => {
    expect(await verified(signed(body), body, "no key")).toBe(false);
  });
});

describe("a text of a user in Discord's Markdown", () => {
  it.each([
    ["**bold** _x_ ~~y~~ ||z||", String.raw`\*\*bold\*\* \_x\_ \~\~y\~\~ \|\|z\|\|`],
    ["<@100000000000000001> @everyone", String.raw`\<\@100000000000000001\> \@everyone`],
    ["[win](https://evil.test)", String.raw`\[win\]\(https\://evil\.test\)`],
    ["a\n# title\u202Egnp", String.raw`a \# titlegnp`],
    ["👩‍💻 می\u200Cخواهم", "👩‍💻 می\u200Cخواهم"],
    ["`code` \\", "\\`code\\` \\\\"],
    ["plain name 7", "plain name 7"],
  ])("%j is shown letter for letter", (text, escaped) => {
    expect(escapeMarkdown(text)).toBe(escaped);
  });
});

describe("a slash command", () => {
  // None of these commands reads its environment.
  const ENV = {} as PlatformEnv;
  const uses: SlashCommandUse[] = [];
  const hello: SlashCommand = {
    definition: { name: "hello", description: "Says hello", contexts: [0] },
    run: (_, use) => {
      uses.push(use);
      return Promise.resolve({ content: "hi", button: { label: "Go", url: "https://x.test/" } });
    },
  };
  const use = (more: object = {}) =>
    CommandInteraction.parse({
      type: 2,
      id: "1",
      token: "secret",
      guild_id: "100000000000000001",
      member: { user: { id: "7", username: "u" }, permissions: "40", roles: [] },
      data: { id: "2", type: 1, name: "hello" },
      ...more,
    });
  const nothingLater = (): void => undefined;

  afterEach(() => {
    vi.useRealTimers();
    vi.restoreAllMocks();
    uses.length = 0;
  });

  it("gets its user, guild, permissions and options", async () => {
    const options = [
      { name: "user", type: 6, value: "8" },
      { name: "count", type: 4, value: 3 },
    ];
    const interaction = use({ data: { name: "hello", options } });
    const reply = await answerCommand([hello], ENV, interaction, nothingLater);
    expect(uses).toEqual([
      { guildId: "100000000000000001", userId: "7", permissions: 40n, options: { user: "8" } },
    ]);
    expect(toInteractionAnswer(reply)).toEqual({
      type: 4,
      data: {
        content: "hi",
        flags: 64,
        allowed_mentions: { parse: [] },
        components: [
          { type: 1, components: [{ type: 2, style: 5, label: "Go", url: "https://x.test/" }] },
        ],
      },
    });
  });

  it("that is unknown, or used in a direct message, is answered with an explanation", async () => {
    const unknown = await answerCommand([], ENV, use(), nothingLater);
    expect(unknown.content).toContain("do not know this command");
    const direct = use({ guild_id: undefined, member: undefined, user: { id: "7" } });
    const answer = await answerCommand([hello], ENV, direct, nothingLater);
    expect(answer.content).toContain("in a server only");
    expect(uses).toEqual([]);
  });

  it("that fails is logged, and its user is asked to try again", async () => {
    const lines = vi.spyOn(console, "error").mockImplementation(() => undefined);
    const broken: SlashCommand = {
      ...hello,
      run: () => Promise.reject(new Error("the database is away")),
    };
    const reply = await answerCommand([broken], ENV, use(), nothingLater);
    expect(reply.content).toContain("Try again");
    expect(reply.content).not.toContain("database");
    expect(String(lines.mock.calls[0])).toContain("the database is away");
  });

  it("that takes longer than Discord waits is answered before it ends, and goes on", async () => {
    const pending: Promise<unknown>[] = [];
    const slow: SlashCommand = { ...hello, run: () => new Promise(() => undefined) };
    vi.useFakeTimers();
    const replies: string[] = [];
    void answerCommand([slow], ENV, use(), (work) => pending.push(work)).then(({ content }) =>
      replies.push(content),
    );
    await vi.advanceTimersByTimeAsync(INTERACTION_DEADLINE_MS - 1);
    expect(replies).toEqual([]);
    await vi.advanceTimersByTimeAsync(1);
    expect(replies).toEqual([expect.stringContaining("takes longer")]);
    expect(pending).toHaveLength(1);
  });

  it("never answers with more characters than Discord allows", () => {
    const { data } = toInteractionAnswer({ content: "x".repeat(3_000) });
    expect(data.content).toHaveLength(2_000);
  });
});
