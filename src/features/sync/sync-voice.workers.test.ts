import { applyD1Migrations, createExecutionContext, env } from "cloudflare:test";
import { afterEach, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { createApp } from "../../app.ts";
import {
  SYNC_DATA_KEY_MAX_LENGTH,
  SYNC_ID_MAX_LENGTH,
  SYNC_TOKEN_MAX_LENGTH,
  SYNC_VOICE_ANSWER_MAX_BYTES,
  SYNC_VOICE_TIMEOUT_MS,
  SYNC_VOICE_TOKENS_PER_MINUTE,
} from "../../protocol/limits.ts";
import { SOON } from "../../testing/soon.ts";
import { idOf, refused } from "../../testing/sync-records.ts";
import { SyncAccount } from "../../testing/sync-worker.ts";
import { sync } from "./index.ts";

beforeAll(() => applyD1Migrations(env.DB, env.TEST_MIGRATIONS));

const only = createApp([sync]);
const API_KEY = "key-of-elevenlabs";
const VOICE = {
  ELEVENLABS_API_KEY: API_KEY,
  ELEVENLABS_API_URL: "https://eleven.test/base/",
  REVENUECAT_API_URL: "https://cat.test",
};
const PRODUCTION = { ...VOICE, ENVIRONMENT: "production" };

/** What the services are asked, and how they answer. */
let asked: Request[] = [];
let elevenLabs: () => Response | Promise<Response>;
let revenueCat: () => Response | Promise<Response>;

const subscriber = (entitlements: unknown) => Response.json({ subscriber: { entitlements } });
const inDays = (days: number) => new Date(Date.now() + days * 86_400_000).toISOString();

beforeEach(() => {
  asked = [];
  elevenLabs = () => Response.json({ token: "token-of-a-conversation" });
  revenueCat = () => subscriber({ pro: { expires_date: null } });
  vi.spyOn(console, "warn").mockImplementation(() => undefined);
  vi.spyOn(globalThis, "fetch").mockImplementation(async (input, init) => {
    const request = new Request(input, init);
    asked.push(request);
    return request.url.startsWith("https://cat.test/") ? revenueCat() : elevenLabs();
  });
});
afterEach(() => vi.restoreAllMocks());

async function ask(account: SyncAccount, body: unknown, variables: object = VOICE) {
  const request = new Request("https://hub.test/v1/voice/token", {
    method: "POST",
    headers: { Authorization: `Bearer ${account.token}` },
    body: JSON.stringify(body),
  });
  const answer = await only.fetch(request, { ...env, ...variables }, createExecutionContext());
  return [answer.status, await answer.json()] as const;
}

const allowed = [200, { allowed: true, token: "token-of-a-conversation", agentId: "a" }];
const refusedHere = [400, { allowed: false, error: expect.any(String) as string }];
const unpaid = [200, { allowed: false, agentId: "a" }];
const paying = { agentId: "a", revenueCatPublicKey: "appl_key" };

describe("POST /v1/voice/token (sync.md §3.10)", () => {
  it("gives a token of ElevenLabs for the agent, outside of production to everybody", async () => {
    const account = await SyncAccount.create();
    for (const ENVIRONMENT of ["development", "staging"]) {
      expect(await ask(account, { agentId: "a" }, { ...VOICE, ENVIRONMENT })).toEqual(allowed);
    }
    const [first] = asked;
    expect(first?.url).toBe("https://eleven.test/base/v1/convai/conversation/token?agent_id=a");
    expect(first?.headers.get("xi-api-key")).toBe(API_KEY);
    expect(asked).toHaveLength(2);
  });

  it("encodes what a client says, so that it names nothing else", async () => {
    const account = await SyncAccount.create();
    for (const agentId of ["a&x=1#y", "../../v1/user", "https://elsewhere.test", "ü 😀%2F"]) {
      expect((await ask(account, { agentId }))[0]).toBe(200);
      const url = new URL(asked.at(-1)?.url ?? "");
      expect(url.origin + url.pathname).toBe(
        "https://eleven.test/base/v1/convai/conversation/token",
      );
      expect([...url.searchParams]).toEqual([["agent_id", agentId]]);
      expect(url.hash).toBe("");
    }
  });

  it("asks RevenueCat in production whether the account has paid", async () => {
    const account = await SyncAccount.create();
    expect(await ask(account, paying, PRODUCTION)).toEqual(allowed);
    const [first] = asked;
    expect(first?.url).toBe(`https://cat.test/v1/subscribers/${await idOf(account)}`);
    expect(first?.headers.get("Authorization")).toBe("Bearer appl_key");
    expect(await ask(account, { agentId: "a" }, PRODUCTION)).toEqual(refusedHere);
    // Without a name it is production.
    expect(await ask(account, { agentId: "a" }, { ...VOICE, ENVIRONMENT: undefined })).toEqual(
      refusedHere,
    );
    expect(asked).toHaveLength(2);
  });

  it("is for accounts whose entitlement holds", async () => {
    const account = await SyncAccount.create();
    for (const [entitlements, answer] of [
      [{ pro: { expires_date: inDays(1) } }, allowed],
      [{ pro: { expires_date: inDays(-1), grace_period_expires_date: inDays(1) } }, allowed],
      [{ pro: { expires_date: inDays(-1), grace_period_expires_date: null } }, unpaid],
      [{ pro: { expires_date: inDays(-1) } }, unpaid],
      [{ pro: { expires_date: "no date" } }, unpaid],
      [{ pro: true }, unpaid],
      [{ other: { expires_date: null } }, unpaid],
      [{}, unpaid],
      [null, unpaid],
    ] as const) {
      revenueCat = () => subscriber(entitlements);
      expect(await ask(account, paying, PRODUCTION), JSON.stringify(entitlements)).toEqual(answer);
    }
  });

  it("accepts only the keys of the operator's apps, if they are named", async () => {
    const account = await SyncAccount.create();
    const own = { ...PRODUCTION, REVENUECAT_PUBLIC_KEYS: "appl_key, goog_key" };
    expect(await ask(account, paying, own)).toEqual(allowed);
    asked = [];
    expect(await ask(account, { ...paying, revenueCatPublicKey: "other" }, own)).toEqual(unpaid);
    expect(asked).toEqual([]);
  });

  it("passes on nothing else of what the services answer", async () => {
    const secret = "internal-detail";
    const answers: readonly (() => Response | Promise<Response>)[] = [
      () => new Response(secret, { status: 500 }),
      () => Response.json({ detail: secret }, { status: 401 }),
      () => Response.json({ token: secret }, { status: 202 }),
      () => Response.redirect(`https://elsewhere.test/${secret}`, 302),
      () => new Response(secret),
      () => Response.json([secret]),
      () => Response.json({ token: "" }),
      () => Response.json({ token: 1, secret }),
      () => Response.json({ token: "t".repeat(SYNC_TOKEN_MAX_LENGTH + 1) }),
      () => new Response("{}".padEnd(SYNC_VOICE_ANSWER_MAX_BYTES + 1)),
      () => Promise.reject(new Error(secret)),
    ];
    for (const answer of answers) {
      // One for each: an account may not ask so often.
      const account = await SyncAccount.create();
      elevenLabs = answer;
      const said = await ask(account, { agentId: "a" });
      expect(said).toEqual(refusedHere);
      expect(JSON.stringify(said)).not.toContain(secret);
      revenueCat = answer;
      expect(await ask(account, paying, PRODUCTION)).toEqual(unpaid);
    }
    expect(asked.every(({ url }) => !url.includes("elsewhere"))).toBe(true);
  });

  it("waits for a service no longer than so", async () => {
    const account = await SyncAccount.create();
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    try {
      elevenLabs = () =>
        new Promise((_, reject) => {
          const { signal } = asked.at(-1) ?? {};
          signal?.addEventListener("abort", () => reject(signal.reason as Error));
        });
      const answer = ask(account, { agentId: "a" });
      await vi.waitUntil(() => asked.length === 1, SOON);
      await vi.advanceTimersByTimeAsync(SYNC_VOICE_TIMEOUT_MS + 1);
      expect(await answer).toEqual(refusedHere);
    } finally {
      vi.useRealTimers();
    }
  });

  it("is not set up without a key, and nobody is asked", async () => {
    const account = await SyncAccount.create();
    const variables = { ...VOICE, ELEVENLABS_API_KEY: undefined };
    expect(await ask(account, { agentId: "a" }, variables)).toEqual(refusedHere);
    expect(asked).toEqual([]);
  });

  it("refuses a revoked token before it asks anybody", async () => {
    const account = await SyncAccount.create();
    await account.call("POST", "/v1/auth/revoke");
    expect(await ask(account, { agentId: "a" })).toEqual([401, { error: "Unauthorized" }]);
    expect(asked).toEqual([]);
  });

  it("refuses what is wrong", async () => {
    const account = await SyncAccount.create();
    const id = "a".repeat(SYNC_ID_MAX_LENGTH);
    const key = "k".repeat(SYNC_DATA_KEY_MAX_LENGTH);
    for (const body of [
      {},
      { agentId: "" },
      { agentId: 1 },
      { agentId: `${id}a` },
      { agentId: "a", revenueCatPublicKey: "" },
      { agentId: "a", revenueCatPublicKey: "a b" },
      { agentId: "a", revenueCatPublicKey: "a\r\nX-Other: 1" },
      { agentId: "a", revenueCatPublicKey: `${key}k` },
    ]) {
      expect(await ask(account, body, PRODUCTION)).toEqual(refused(400));
    }
    expect(asked).toEqual([]);
    const longest = { agentId: id, revenueCatPublicKey: key };
    expect((await ask(account, longest, PRODUCTION))[0]).toBe(200);
  });

  it("has a limit of its own", async () => {
    const account = await SyncAccount.create();
    vi.useFakeTimers({ toFake: ["Date"], now: Date.now() });
    const answers = await Promise.all(
      Array.from({ length: SYNC_VOICE_TOKENS_PER_MINUTE + 1 }, () =>
        ask(account, { agentId: "a" }),
      ),
    );
    vi.useRealTimers();
    const count = (status: number) => answers.filter(([one]) => one === status).length;
    expect([count(200), count(429)]).toEqual([SYNC_VOICE_TOKENS_PER_MINUTE, 1]);
  });
});
