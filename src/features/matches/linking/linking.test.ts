import { beforeEach, describe, expect, it } from "vitest";
import { err } from "../../../platform/result.ts";
import { LINK_TTL_MS } from "../../../protocol/limits.ts";
import { MemoryLinkPorts } from "../../../testing/memory-link-ports.ts";
import type { DiscordUser } from "../ports.ts";
import { linkPage, statusOf } from "./link-page.ts";
import {
  beginLink,
  type LinkOutcome,
  openLink,
  type ProviderReturn,
  returnFromDiscord,
  returnFromFaceit,
} from "./link-steps.ts";
import { newSecret, hashOf, verifiersOf } from "./secrets.ts";

const ALICE = "100000000000000021";
const MALLORY = "100000000000000066";
const PLAYER = "11111111-1111-4111-8111-111111111111";
const PAGE = "https://hub.test/faceit/link";

let ports: MemoryLinkPorts;

/** A person's browser: its cookie, and the user who signed in at Discord. */
class Browser {
  cookie: string | undefined;
  discord: DiscordUser | null = null;

  /** Opens an address of ours. @returns where it redirects, or how the linking ended */
  async open(address: string): Promise<string | LinkOutcome> {
    const url = new URL(address);
    const query = queryOf(url);
    if (url.pathname === "/faceit/callback") {
      return returnFromFaceit(ports, query, this.cookie, this.discord);
    }
    if (query.code === undefined && query.error === undefined) {
      const opened = await openLink(ports, query.state, this.cookie);
      if (opened.kind !== "go") return opened;
      this.cookie = opened.browser;
      return opened.url;
    }
    const returned = await returnFromDiscord(ports, query, this.cookie);
    if (returned.kind !== "go") return returned;
    this.cookie = returned.browser;
    this.discord = returned.discord;
    return returned.url;
  }
}

function queryOf(url: URL): ProviderReturn {
  const get = (name: string): string | undefined => url.searchParams.get(name) ?? undefined;
  return { state: get("state"), code: get("code"), error: get("error") };
}

function addressOf(end: string | LinkOutcome): string {
  if (typeof end !== "string") throw new Error(`it ended: ${end.kind}`);
  return end;
}

/** The address to which a provider redirects the browser back. */
function back(authorizeUrl: string | LinkOutcome, answer: Record<string, string>): string {
  const { hostname, searchParams } = new URL(addressOf(authorizeUrl));
  const path = hostname === "discord.test" ? "/faceit/link" : "/faceit/callback";
  const query = new URLSearchParams({ ...answer, state: searchParams.get("state") ?? "" });
  return `https://hub.test${path}?${query.toString()}`;
}

const begin = (discordId = ALICE): Promise<string> =>
  beginLink(ports, { discordId, guildId: "100000000000000001" }, PAGE);

/** Goes through all steps until FACEIT's redirect. */
async function upToFaceit(browser: Browser, link: string, user = "alice"): Promise<string> {
  const discord = await browser.open(link);
  return back(await browser.open(back(discord, { code: user })), { code: "player" });
}

beforeEach(() => {
  ports = new MemoryLinkPorts();
  ports.knowUser("alice", ALICE);
  ports.knowUser("mallory", MALLORY);
  ports.knowPlayer("player", PLAYER);
});

describe("linking", () => {
  it("proves the Discord user, then the FACEIT account, and links them", async () => {
    ports.live.set(PLAYER, "1-match");
    const browser = new Browser();
    const callback = await upToFaceit(browser, await begin());
    expect(ports.links.rows).toEqual([]);
    expect(await browser.open(callback)).toEqual({
      kind: "linked",
      nickname: `nickname of ${PLAYER}`,
      discordName: `name of ${ALICE}`,
    });
    expect(ports.links.rows).toEqual([
      {
        discordId: ALICE,
        faceitId: PLAYER,
        nickname: `nickname of ${PLAYER}`,
        verifiedMethod: "oauth",
        linkedAt: ports.now,
      },
    ]);
    await Promise.all(ports.pending);
    expect(ports.looked).toEqual(["1-match"]);
    expect(ports.told.map(({ discordId }) => discordId)).toEqual([ALICE]);
    expect(ports.attempts.rows.size).toBe(0);
  });

  it("stores no state, and sends FACEIT the verifier of the challenge", async () => {
    const browser = new Browser();
    const faceit = await browser.open(back(await browser.open(await begin()), { code: "alice" }));
    const { searchParams } = new URL(addressOf(faceit));
    const state = searchParams.get("state") ?? "";
    const challenge = searchParams.get("code_challenge");
    const kept = JSON.stringify([...ports.attempts.rows]);
    expect(kept).not.toContain(state);
    expect(kept).not.toContain(browser.cookie);
    expect(kept).toContain(await hashOf(state));
    await browser.open(back(faceit, { code: "player" }));
    expect(ports.verifiers).toEqual([`verifier of ${state}`]);
    expect(challenge).toBe(await hashOf(`verifier of ${state}`));
  });

  it("allows a reload of the first address, and each redirect back once", async () => {
    const browser = new Browser();
    const link = await begin();
    const first = await browser.open(link);
    const cookie = browser.cookie;
    const second = await browser.open(link);
    expect(browser.cookie).toBe(cookie);
    expect(second).not.toBe(first);
    const fromDiscord = back(first, { code: "alice" });
    const callback = back(await browser.open(fromDiscord), { code: "player" });
    expect(await browser.open(fromDiscord)).toEqual({ kind: "expired" });
    expect(await browser.open(callback)).toMatchObject({ kind: "linked" });
    expect(await browser.open(callback)).toEqual({ kind: "expired" });
    // Linking is done, so the other pending steps were deleted.
    expect(await browser.open(link)).toEqual({ kind: "expired" });
    expect(await browser.open(back(second, { code: "alice" }))).toEqual({ kind: "expired" });
  });

  it("links once when ten callbacks come at the same time", async () => {
    const browser = new Browser();
    const callback = await upToFaceit(browser, await begin());
    const ends = await Promise.all(Array.from({ length: 10 }, () => browser.open(callback)));
    const kinds = ends.map((end) => (typeof end === "string" ? "go" : end.kind));
    expect(kinds.toSorted()).toEqual([...Array<string>(9).fill("expired"), "linked"]);
    expect(ports.verifiers).toHaveLength(1);
  });

  it("works for two people in two tabs of one browser, and shows neither the other's name", async () => {
    const browser = new Browser();
    ports.knowPlayer("other", "22222222-2222-4222-8222-222222222222");
    const first = await upToFaceit(browser, await begin(ALICE));
    const second = await upToFaceit(browser, await begin(MALLORY), "mallory");
    expect(await browser.open(first)).toMatchObject({ kind: "linked", discordName: null });
    const name = `name of ${MALLORY}`;
    expect(await browser.open(second.replace("code=player", "code=other"))).toMatchObject({
      kind: "linked",
      discordName: name,
    });
    expect(ports.links.rows.map(({ discordId }) => discordId)).toEqual([ALICE, MALLORY]);
  });

  it("expires ten minutes after /link, at every step", async () => {
    const browser = new Browser();
    const link = await begin();
    const discord = await browser.open(link);
    const fromDiscord = back(discord, { code: "alice" });
    const callback = await upToFaceit(browser, await begin());
    ports.now += LINK_TTL_MS;
    for (const address of [link, fromDiscord, callback]) {
      expect(await browser.open(address)).toEqual({ kind: "expired" });
    }
    expect(ports.links.rows).toEqual([]);
    // The next linking deletes expired steps.
    await begin();
    expect(ports.attempts.rows.size).toBe(1);
  });

  it("accepts the state of a step only at that step's address", async () => {
    const browser = new Browser();
    const link = await begin();
    const state = new URL(link).searchParams.get("state") ?? "";
    for (const address of [
      `https://hub.test/faceit/link?state=${state}&code=alice`,
      `https://hub.test/faceit/callback?state=${state}&code=player`,
      "https://hub.test/faceit/callback?code=player",
      "https://hub.test/faceit/link",
      "https://hub.test/faceit/link?state=short",
      `https://hub.test/faceit/link?state=${newSecret()}`,
      `https://hub.test/faceit/link?state=${"x".repeat(100_000)}`,
    ]) {
      expect(await browser.open(address)).toEqual({ kind: "expired" });
    }
    expect(await browser.open(link)).toContain("https://discord.test/");
  });
});

describe("an address that is forwarded to another person", () => {
  it("from /link stops at Discord, where another user signs in", async () => {
    const victim = new Browser();
    const discord = await victim.open(await begin(MALLORY));
    const end = await victim.open(back(discord, { code: "alice" }));
    expect(end).toEqual({ kind: "other_discord_user" });
    expect(ports.attempts.rows.size).toBe(1);
    expect(ports.links.rows).toEqual([]);
  });

  it.each(["without a cookie", "with a linking of their own"])(
    "from Discord or FACEIT is refused in another browser: %s",
    async (kind) => {
      const mallory = new Browser();
      const victim = new Browser();
      if (kind !== "without a cookie") await victim.open(await begin(ALICE));
      const discord = await mallory.open(await begin(MALLORY));
      const sentOn = back(discord, { code: "mallory" });
      expect(await victim.open(sentOn)).toEqual({ kind: "other_browser" });
      // The step is used up for both browsers.
      expect(await mallory.open(sentOn)).toEqual({ kind: "expired" });

      const callback = await upToFaceit(mallory, await begin(MALLORY), "mallory");
      expect(await victim.open(callback)).toEqual({ kind: "other_browser" });
      expect(await mallory.open(callback)).toEqual({ kind: "expired" });
      expect(ports.verifiers).toEqual([]);
      expect(ports.links.rows).toEqual([]);
    },
  );
});

describe("a FACEIT account that is linked already", () => {
  const other = "100000000000000077";

  it("moves to the user who proves it now, and the earlier owner gets a message", async () => {
    await ports.links.put({
      discordId: other,
      faceitId: PLAYER,
      nickname: "old *name*",
      verifiedMethod: "oauth",
      linkedAt: 1,
    });
    ports.knowPlayer("player", PLAYER, "new *name*");
    const browser = new Browser();
    const end = await browser.open(await upToFaceit(browser, await begin()));
    expect(end).toMatchObject({ kind: "linked" });
    expect(ports.links.rows.map(({ discordId }) => discordId)).toEqual([ALICE]);
    await Promise.all(ports.pending);
    expect(ports.told.map(({ discordId }) => discordId).toSorted()).toEqual([ALICE, other]);
    const told = ports.told.find(({ discordId }) => discordId === other);
    expect(told?.message.content).toContain("no longer linked to you");
    expect(told?.message.content).toContain(String.raw`new \*name\*`);
  });

  it("is released when its owner proves another account, and the matches of both are woken", async () => {
    ports.live.set("before", "1-old").set(PLAYER, "1-new");
    await ports.links.put({
      discordId: ALICE,
      faceitId: "before",
      nickname: "n",
      verifiedMethod: "manual",
      linkedAt: 1,
    });
    const browser = new Browser();
    await browser.open(await upToFaceit(browser, await begin()));
    await Promise.all(ports.pending);
    expect(ports.looked.toSorted()).toEqual(["1-new", "1-old"]);
  });
});

describe("a provider that does not identify the user", () => {
  it.each([
    [{ error: "access_denied" }, { kind: "cancelled", at: "Discord" }],
    [{ error: "server_error" }, { kind: "refused", at: "Discord" }],
    [{ code: "unknown" }, { kind: "expired" }],
    [{ code: "x".repeat(3_000) }, { kind: "expired" }],
    [{ code: "down" }, { kind: "unreachable", at: "Discord" }],
    [{ code: "wrong" }, { kind: "refused", at: "Discord" }],
  ])("Discord with %j", async (answer: Record<string, string>, end) => {
    ports.users.set("down", err({ kind: "failed" })).set("wrong", err({ kind: "refused" }));
    const browser = new Browser();
    const address = back(await browser.open(await begin()), answer);
    expect(await browser.open(address)).toEqual(end);
    expect(await browser.open(address)).toEqual({ kind: "expired" });
  });

  it.each([
    [{ error: "access_denied" }, { kind: "cancelled", at: "FACEIT" }],
    [
      { error: "invalid_scope", error_description: "<b>" },
      { kind: "refused", at: "FACEIT" },
    ],
    [{}, { kind: "expired" }],
    [{ code: "" }, { kind: "expired" }],
    [{ code: "unknown" }, { kind: "expired" }],
    [{ code: "down" }, { kind: "unreachable", at: "FACEIT" }],
    [{ code: "wrong" }, { kind: "refused", at: "FACEIT" }],
    [{ code: "nobody" }, { kind: "no_account_id" }],
  ])("FACEIT with %j", async (answer: Record<string, string>, end) => {
    ports.players
      .set("down", err({ kind: "failed" }))
      .set("wrong", err({ kind: "refused" }))
      .set("nobody", err({ kind: "no_account_id" }));
    const browser = new Browser();
    const faceit = await browser.open(back(await browser.open(await begin()), { code: "alice" }));
    const address = back(faceit, answer);
    expect(await browser.open(address)).toEqual(end);
    expect(await browser.open(address)).toEqual({ kind: "expired" });
    expect(ports.links.rows).toEqual([]);
    expect(ports.told).toEqual([]);
  });
});

describe("the page", () => {
  const ALL: readonly LinkOutcome[] = [
    { kind: "linked", nickname: "n", discordName: null },
    { kind: "cancelled", at: "Discord" },
    { kind: "expired" },
    { kind: "other_discord_user" },
    { kind: "other_browser" },
    { kind: "unreachable", at: "FACEIT" },
    { kind: "busy", at: "FACEIT", retryAfterMs: 90_000 },
    { kind: "refused", at: "FACEIT" },
    { kind: "no_account_id" },
    { kind: "not_set_up", missing: ["FACEIT_CLIENT_ID", "FACEIT_REDIRECT_URI"] },
    { kind: "too_many" },
    { kind: "broken" },
  ];

  it("shows both names literally", async () => {
    const nickname = `<script>alert("1")</script>`;
    const discordName = `"><img src=x onerror=alert(1)>`;
    const page = String(await linkPage({ kind: "linked", nickname, discordName }, "n0nce"));
    expect(page).not.toContain("<script");
    expect(page).not.toContain("<img");
    expect(page).toContain("&lt;script&gt;alert(&quot;1&quot;)&lt;/script&gt;");
    expect(page).toContain("&lt;img src=x onerror=alert(1)&gt;");
  });

  it("shows the pause that a provider requests, if it names one", async () => {
    const pageAfter = async (retryAfterMs: number | null): Promise<string> =>
      String(await linkPage({ kind: "busy", at: "Discord", retryAfterMs }, "n0nce"));
    expect(await pageAfter(90_000)).toContain("Wait 2 minutes.");
    expect(await pageAfter(100)).toContain("Wait a minute.");
    expect(await pageAfter(null)).toContain("Wait a few minutes.");
  });

  it("explains every outcome and what to do, and has no scripts", async () => {
    const titles = await Promise.all(
      ALL.map(async (outcome) => {
        const page = String(await linkPage(outcome, "n0nce"));
        expect(page).not.toMatch(/<script|\son\w+=|<link|<img|url\(/);
        expect(page).toContain('class="next"');
        return /<h1>(.*)<\/h1>/.exec(page)?.[1];
      }),
    );
    expect(new Set(titles).size).toBe(ALL.length);
    const failed = ALL.filter((one) => statusOf(one) >= 400).map(({ kind }) => kind);
    expect(failed).toHaveLength(ALL.length - 2);
  });
});

describe("the verifier of a state", () => {
  it("is the same each time, and differs for another state or secret", async () => {
    const state = newSecret();
    const of = verifiersOf("a server's secret");
    const verifier = await of(state);
    expect(verifier).toMatch(/^[\w-]{43}$/);
    expect(await verifiersOf("a server's secret")(state)).toBe(verifier);
    expect(await of(newSecret())).not.toBe(verifier);
    expect(await verifiersOf("another secret")(state)).not.toBe(verifier);
  });
});
