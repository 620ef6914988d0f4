import { evictDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { afterEach, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { FakeDiscord } from "../../testing/discord.ts";
import { testProvider, type TestProvider } from "../../testing/tokens.ts";
import { mockOutside } from "../../testing/worker.ts";
import { discordClient } from "./discord-client.ts";
import { FULL_KEPT_MS } from "./full-categories.ts";
import { UNAUTHORIZED_PAUSE_MS } from "./rate-limits.ts";

const START = Date.UTC(2026, 0, 1);

let provider: TestProvider;
let discord: FakeDiscord;
let tests = 0;

beforeAll(async () => {
  provider = await testProvider();
});

beforeEach(() => {
  discord = new FakeDiscord();
  mockOutside(provider, (request) => discord.answer(request));
  tests += 1;
  vi.useFakeTimers({ toFake: ["Date"], now: START + tests * 3_600_000 });
});

afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

const later = (ms: number): void => {
  vi.setSystemTime(Date.now() + ms);
};
const restart = (): Promise<void> =>
  evictDurableObject(env.DISCORD.get(env.DISCORD.idFromName("bot")));
const bucket = (limit: number, remaining: number, resetAfterSeconds: number) => ({
  "X-RateLimit-Bucket": "bucket-of-channels",
  "X-RateLimit-Limit": String(limit),
  "X-RateLimit-Remaining": String(remaining),
  "X-RateLimit-Reset-After": String(resetAfterSeconds),
});
/** Creates a channel. @returns "made", the milliseconds to wait, or the kind of failure */
const create = async (
  caller?: string,
  parentId: string | null = null,
): Promise<string | number> => {
  const made = await discordClient(env, 0, caller).createVoiceChannel({
    guildId: `500${tests}`,
    name: `channel of ${caller ?? "somebody"}`,
    userLimit: 0,
    parentId,
    overwrites: null,
    reason: "test",
  });
  if (made.ok) return "made";
  return made.error.kind === "rate_limited" ? made.error.retryAfterMs : made.error.kind;
};

describe("the object that calls Discord", () => {
  it("keeps its pauses after a restart", async () => {
    discord.fail({ status: 429, retryAfter: 30, headers: { "X-RateLimit-Scope": "shared" } });
    expect(await create()).toBe(30_000);
    await restart();
    later(10_000);
    expect(await create()).toBe(20_000);
    expect(discord.calls).toHaveLength(1);
    later(20_000);
    expect(await create()).toBe("made");

    later(1_000);
    discord.fail({ status: 401 });
    expect(await create()).toBe("unauthorized");
    await restart();
    later(UNAUTHORIZED_PAUSE_MS - 1);
    expect(await create()).toBe("unauthorized");
    expect(discord.calls).toHaveLength(3);
    later(1);
    expect(await create()).toBe("made");
  });

  it("refuses further channels in a full category without a call to Discord", async () => {
    discord.categoryMax = 2;
    const inCategory = (match: number) => create(`match ${match}`, "77");
    expect([await inCategory(1), await inCategory(2)]).toEqual(["made", "made"]);
    expect([await inCategory(3), await inCategory(4)]).toEqual(["refused", "refused"]);
    expect(discord.calls).toHaveLength(3);
    // Calls for people always reach Discord. After a channel was deleted, a match's call does so as well.
    expect(await create(undefined, "77")).toBe("refused");
    expect(discord.calls).toHaveLength(4);
    const [first = ""] = discord.channels.keys();
    await discordClient(env, 0, "match 1").deleteChannel(first, "test");
    expect(await inCategory(4)).toBe("made");
    expect(await inCategory(5)).toBe("refused");
    later(FULL_KEPT_MS);
    discord.categoryMax = 3;
    expect(await inCategory(5)).toBe("made");
  });

  it("keeps the turns of callers that return, and forgets them at a restart", async () => {
    discord.fail({ status: 400, code: 50_035, headers: bucket(5, 0, 30) });
    await create("match 0");
    const told: (string | number)[] = [];
    for (const match of [1, 2, 3, 4, 5, 6]) told.push(await create(`match ${match}`));
    const [first, , , fourth, fifth, sixth] = told;
    expect([first, fourth]).toEqual([30_000, 30_000]);
    // A fifth of the window is reserved for people who wait for an answer, until its last part.
    expect(fifth).toBe(54_000);
    expect(sixth).toBeGreaterThan(60_000);

    later(30_000);
    expect(await create("newcomer")).toBeGreaterThan(20_000);
    for (const match of [1, 2, 3, 4]) expect(await create(`match ${match}`)).toBe("made");
    expect(await create("match 5")).toBeGreaterThan(20_000);
    expect(await create()).toBe("made");

    await restart();
    later(40_000);
    expect(await create("newcomer")).toBe("made");
    expect(discord.channels.size).toBe(6);
  });

  it("stops the calls of all routes while Discord's edge refuses our address, also after a restart", async () => {
    const page = () =>
      new Response("<html>error 1015</html>", {
        status: 429,
        headers: { "Content-Type": "text/html", "Retry-After": "3600" },
      });
    let calls = 0;
    mockOutside(provider, async () => {
      calls += 1;
      return page();
    });
    expect(await create()).toBe(3_600_000);
    await restart();
    later(1_000);
    const other = await discordClient(env, 0, "match 1").getChannel("1");
    expect(other).toEqual({ ok: false, error: { kind: "rate_limited", retryAfterMs: 3_599_000 } });
    // Matches and people try every second for ten minutes.
    for (let i = 0; i < 600; i += 1) {
      later(1_000);
      await create(i % 2 === 0 ? undefined : `match ${i}`);
    }
    expect(calls).toBe(1);
    later(3_000_000);
    mockOutside(provider, (request) => discord.answer(request));
    expect(await create()).toBe("made");
  });
});
