import { mkdirSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import type { Browser, BrowserContextOptions, Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { PRIMARY_GUILD } from "../dev/discord/seed.ts";
import { Api } from "../dev/testing/api.ts";
import { eventually } from "../dev/testing/eventually.ts";
import type { DiscordControl } from "../dev/discord/control-client.ts";
import { goTo, isLive, launchBrowser, openAt, signInAs, tools, unfold } from "./page-driver.ts";
import { startStack, type Stack } from "../dev/testing/stack.ts";

/** Screenshots of a run, for a person to look at. */
const SCREENSHOTS = path.join(tmpdir(), "guildhub-screenshots");
/** A test player of the local Discord who is not in its panel at the start. */
const PLAYER_5 = "100000000000000305";

let stack: Stack;
let discord: DiscordControl;
let browser: Browser;
const problems: string[] = [];

beforeAll(async () => {
  mkdirSync(SCREENSHOTS, { recursive: true });
  stack = await startStack();
  discord = stack.discord;
  browser = await launchBrowser();
});
afterAll(async () => {
  await browser?.close();
  await stack?.stop();
});
afterEach(async () => {
  await Promise.all(browser.contexts().map((context) => context.close()));
  expect(problems.splice(0)).toEqual([]);
});

async function openPage(
  options: BrowserContextOptions & { readonly withoutWebSocket?: boolean } = {},
): Promise<Page> {
  return openAt(browser, stack.urls.worker, options, (problem) => problems.push(problem));
}

async function signIn(
  page: Page,
  name: string,
  { discordId, stream }: { readonly discordId?: string; readonly stream?: string } = {},
): Promise<void> {
  await signInAs(page, name, discordId);
  await isLive(page, stream);
}

async function openRoom(page: Page, name: string, isPrivate = false): Promise<void> {
  await page.getByRole("button", { name: "New room" }).click();
  await page.getByLabel("Name", { exact: true }).fill(name);
  if (isPrivate) await page.getByLabel("Private").check();
  await page.getByRole("button", { name: "Open room" }).click();
  await page.getByRole("heading", { name, exact: true }).waitFor();
  await page.getByText(`${name} is open.`).first().waitFor();
}

async function endRoom(page: Page, name: string): Promise<void> {
  await unfold(page, name);
  await page.getByRole("button", { name: `End ${name}` }).click();
  await page.getByRole("button", { name: "End room" }).click();
  await isGone(page, name);
}

const isGone = (page: Page, name: string): Promise<void> =>
  page.getByRole("heading", { name, exact: true }).waitFor({ state: "detached" });

async function move(page: Page, user: string, room: string): Promise<void> {
  await tools(page);
  const channel = page.getByLabel(`Channel for ${user}`);
  await channel.getByText(room).first().waitFor({ state: "attached" });
  await channel.selectOption({ label: room });
  await page.getByRole("button", { name: `Move ${user}` }).click();
}

const peopleIn = (page: Page, room: string): Promise<string[]> =>
  page
    .getByRole("list", { name: `People in ${room}` })
    .locator("li.member:not([aria-hidden=true])")
    .allTextContents();

async function shows(page: Page, room: string, people: readonly string[]): Promise<void> {
  await eventually(`${room} shows ${people.join(", ") || "nobody"}`, async () => {
    expect((await peopleIn(page, room)).toSorted((a, b) => a.localeCompare(b))).toEqual(people);
  });
}

/**
 * The events of the activity, oldest first: in order and none twice. Events that this user may not see are
 * left out, and the next event then names the previous one.
 */
async function expectGaplessLog(page: Page): Promise<void> {
  await goTo(page, "Activity");
  await page.getByText("Loading what happened before").waitFor({ state: "detached" });
  const newestFirst = await page.locator("[data-seq]").evaluateAll((lines) =>
    lines.map((line) => {
      const seq = Number(line.getAttribute("data-seq"));
      return { seq, before: Number(line.getAttribute("data-prev") ?? seq - 1) };
    }),
  );
  expect(newestFirst).not.toEqual([]);
  expect(newestFirst.slice(0, -1).map(({ before }) => before)).toEqual(
    newestFirst.slice(1).map(({ seq }) => seq),
  );
  await goTo(page, "Rooms");
}

const screenshot = (page: Page, name: string): Promise<Buffer> =>
  page.screenshot({ path: path.join(SCREENSHOTS, `${name}.png`), fullPage: true });

describe("a new user", () => {
  it("signs in, opens rooms, moves people, and loses nothing when every process is killed", async () => {
    const page = await openPage({ colorScheme: "light" });
    await screenshot(page, "1-welcome");
    await signIn(page, "alice");
    await page.getByText("alice").first().waitFor();

    await openRoom(page, "Late night");
    await openRoom(page, "Early bird");
    await tools(page);
    await page
      .getByLabel("Channel for Player 1")
      .getByText("Choose a channel")
      .waitFor({ state: "attached" });
    expect(await page.getByRole("button", { name: "Move Player 1" }).isDisabled()).toBe(true);
    await move(page, "Player 1", "Late night");
    await move(page, "Player 2", "Late night");
    await shows(page, "Late night", ["Player 1", "Player 2"]);
    await move(page, "Player 1", "Early bird");
    await shows(page, "Early bird", ["Player 1"]);
    await shows(page, "Late night", ["Player 2"]);
    await screenshot(page, "2-rooms");
    await expectGaplessLog(page);

    await Promise.all([stack.kill("gateway"), stack.kill("worker")]);
    await move(page, "Player 2", "Early bird");
    await move(page, "Player 1", "Late night");
    await stack.untilReady();
    await isLive(page);
    await shows(page, "Early bird", ["Player 2"]);
    await shows(page, "Late night", ["Player 1"]);
    await expectGaplessLog(page);
    await screenshot(page, "3-after-the-kill");

    await page.reload();
    await isLive(page);
    await shows(page, "Early bird", ["Player 2"]);
    await shows(page, "Late night", ["Player 1"]);
    await expectGaplessLog(page);

    await page.getByRole("button", { name: "Take Player 1 out" }).click();
    await shows(page, "Late night", []);
    await endRoom(page, "Late night");
    await endRoom(page, "Early bird");
    await page.getByText("No room is open", { exact: true }).waitFor();

    // "Sign in" appears before the browser leaves for the provider, so the test waits for the return.
    const back = page.waitForRequest(
      (request) => request.isNavigationRequest() && request.url().startsWith(stack.urls.worker),
    );
    await page.getByRole("button", { name: "Sign out" }).click();
    await back;
    await page.waitForURL((url) => url.origin === stack.urls.worker);
    await page.getByRole("button", { name: "Sign in" }).waitFor();
    await page.reload();
    await page.getByRole("button", { name: "Sign in" }).waitFor();
  });
});

it("has sync beside its rooms, whose accounts are not those of the provider", async () => {
  const page = await openPage();
  await page.getByRole("link", { name: "Go to Sync" }).click();
  await page.getByRole("button", { name: "Create an account" }).click();
  await page.getByLabel("I have saved the code").check();
  await page.getByRole("button", { name: "Create account" }).click();
  const connection = page.getByRole("status", { name: "Sync" });
  await connection.getByText("Live").waitFor();
  const navigation = page.getByRole("navigation");
  await navigation.getByRole("link", { name: "Rooms" }).click();
  await signIn(page, "synced");
  expect(await connection.count()).toBe(0);
  await goTo(page, "Sync");
  await connection.getByText("Live").waitFor();
  await page.getByText("No machine is here yet").waitFor();
  // Whoever leaves one stays signed in at the other.
  await page.getByRole("button", { name: /key and sign-out$/ }).click();
  await page.getByRole("button", { name: "Sign out here" }).click();
  await page.getByRole("button", { name: "Sign out", exact: true }).click();
  await page.getByRole("button", { name: "Create an account" }).waitFor();
  await goTo(page, "Rooms");
  await isLive(page);
});

describe("a match", () => {
  /** Links a test player as a person does: the bot's button, then both sign-ins. */
  const link = async (page: Page, player: string, nickname: string): Promise<void> => {
    const opened = page.context().waitForEvent("page");
    await page.getByRole("button", { name: `Link ${player}`, exact: true }).click();
    const steps = await opened;
    await steps.getByRole("button", { name: `Continue as ${player}` }).click();
    await steps.getByRole("button", { name: `Continue as ${nickname}`, exact: true }).click();
    await steps.getByRole("heading", { name: "Your accounts are linked" }).waitFor();
    await steps.close();
    await page.evaluate("dispatchEvent(new Event('focus'))");
    const answer = page.getByRole("status", { name: `Answer to ${player}` });
    await answer.getByText(`${player} is ${nickname} at FACEIT`).waitFor();
    expect(await answer.getByRole("link").count()).toBe(0);
    await page.getByRole("button", { name: `Who is this ${player}` }).click();
    await page.getByText(`${player} is ${nickname} at FACEIT`).waitFor();
  };

  it("takes linked players into their sides' channels, shows it, and leaves nothing", async () => {
    const page = await openPage();
    await signIn(page, "gamer");
    await goTo(page, "Matches");
    await page.getByText("No match is being played").waitFor();
    await tools(page);
    await link(page, "Player 5", "aurora_one");
    await link(page, "Player 6", "borealis_one");
    const before = await discord.voiceChannels(PRIMARY_GUILD);
    await page.getByLabel("Id of another test user").fill(PLAYER_5);
    await page.getByRole("button", { name: "Add", exact: true }).click();
    await move(page, "Player 5", "Lobby");

    await page.getByRole("button", { name: "Start a match" }).click();
    const card = page.getByRole("listitem", { name: /^Nordic Night Hub: / });
    await card.waitFor();
    await page.getByRole("button", { name: /^Next: Voting/ }).click();
    await page.getByRole("button", { name: /^Next: Being set up/ }).click();
    await page.getByRole("button", { name: /^Next: Ready/ }).click();
    await card.getByText("Ready", { exact: true }).waitFor();
    const side = (one: "aurora" | "borealis") =>
      card.getByRole("list", { name: `Players of team_${one}_one` });
    await side("aurora")
      .getByRole("listitem")
      .filter({ hasText: /aurora_one.*Discord known.*Player 5.*in voice/ })
      .waitFor();
    await side("borealis")
      .getByRole("listitem")
      // The server knows only names of people whom it has seen in voice.
      .filter({ hasText: /borealis_one.*Discord known$/ })
      .waitFor();
    for (const faction of ["faction1", "faction2"]) {
      await card.getByTitle(new RegExp(`^In Discord: match-[0-9a-f]{8,12}-${faction}$`)).waitFor();
    }
    expect(await discord.voiceChannels(PRIMARY_GUILD)).toHaveLength(before.length + 2);
    await screenshot(page, "match");

    await page.getByRole("button", { name: /^Abort / }).click();
    await card.waitFor({ state: "detached" });
    await goTo(page, "Activity");
    await page.getByText(/is over: aborted$/).waitFor();
    await page.getByText("team_aurora_one's voice channel was opened").waitFor();
    await page.getByText("Player 5 joined team_aurora_one's voice channel").waitFor();
    await page.getByText("team_borealis_one's voice channel was removed").waitFor();
    await eventually("the channels are gone", async () => {
      expect(await discord.voiceChannels(PRIMARY_GUILD)).toEqual(before);
    });
    const player = page.getByRole("listitem", { name: "Player 5", exact: true });
    await player.getByText("in Lobby").waitFor();
    await expectGaplessLog(page);
    await page.getByRole("button", { name: "Take Player 5 out" }).click();
    await player.getByText("not in voice").waitFor();
  });
});

describe("without a WebSocket", () => {
  it("is live over HTTP, shows what others do but no private room, and reconnects", async () => {
    const [page, owner] = [await openPage({ withoutWebSocket: true }), await openPage()];
    await signIn(page, "dora", { stream: "Live over HTTP" });
    await signIn(owner, "owner", { discordId: PLAYER_5 });
    await openRoom(owner, "For all");
    await page.getByRole("heading", { name: "For all", exact: true }).waitFor();
    await openRoom(owner, "Hidden", true);
    await openRoom(owner, "After it");
    await page.getByRole("heading", { name: "After it", exact: true }).waitFor();
    expect(await page.getByRole("heading", { name: "Hidden", exact: true }).count()).toBe(0);
    await unfold(page, "For all");
    await page.getByRole("button", { name: "Invite to For all" }).waitFor();
    expect(await page.getByRole("button", { name: "End For all" }).count()).toBe(0);
    await screenshot(page, "over-http");

    await stack.kill("worker");
    await move(owner, "Player 1", "For all");
    await shows(page, "For all", ["Player 1"]);
    await isLive(page, "Live over HTTP");
    await expectGaplessLog(page);
    for (const name of ["For all", "Hidden", "After it"]) await endRoom(owner, name);
    await isGone(page, "After it");
  });
});

describe("the page", () => {
  it("needs no mouse", async () => {
    const page = await openPage();
    const focused = (): Promise<unknown> =>
      page.evaluate(
        "document.activeElement.getAttribute('aria-label') || document.activeElement.textContent.trim()",
      );
    /** Presses Tab until that button has the focus, which has to be visible. */
    const tabTo = async (name: string): Promise<void> => {
      await page.getByRole("button", { name, exact: true }).waitFor();
      for (let presses = 0; presses < 60; presses++) {
        if ((await focused()) === name) {
          const outline = await page.evaluate(
            "(({ outlineStyle, boxShadow }) => outlineStyle !== 'none' || boxShadow !== 'none')(getComputedStyle(document.activeElement))",
          );
          expect(outline).toBe(true);
          return;
        }
        await page.keyboard.press("Tab");
      }
      throw new Error(`Tab never reached ${name}`);
    };
    await tabTo("Sign in");
    await page.keyboard.press("Enter");
    await page.getByLabel("Name").waitFor();
    await page.keyboard.type("keyboard");
    await page.keyboard.press("Enter");
    await isLive(page);

    await tabTo("New room");
    await page.keyboard.press("Enter");
    await page.getByRole("dialog").waitFor();
    await page.locator("dialog input:focus").waitFor();
    await page.keyboard.type("Typed");
    await page.keyboard.press("Enter");
    await page.getByRole("heading", { name: "Typed", exact: true }).waitFor();
    await eventually("the new room has the focus", async () => {
      expect(await focused()).toBe("Typed");
    });
    await tabTo("End Typed");
    await page.keyboard.press("Enter");
    await page.getByRole("dialog").waitFor();
    await page.keyboard.press("Escape");
    await page.getByRole("dialog").waitFor({ state: "detached" });
    expect(await focused()).toBe("End Typed");
    await page.keyboard.press("Enter");
    await tabTo("End room");
    await page.keyboard.press("Enter");
    await isGone(page, "Typed");
  });

  it("has an API page that sends an operation with its example, as the signed-in user", async () => {
    const page = await openPage();
    await page.goto(`${stack.urls.worker}/docs`);
    await page.getByRole("button", { name: "Sign in to send requests" }).press("Enter");
    await page.getByLabel("Name").fill("reader");
    await page.getByRole("button", { name: "Sign in" }).click();
    await page.getByText("Requests are sent as reader").waitFor();
    // Scalar adds the section that is in sight as a fragment.
    await expect.poll(() => new URL(page.url()).pathname).toBe("/docs");
    await page.getByRole("button", { name: /Test Request.*post \/create-room/i }).click();
    const client = page.getByRole("dialog");
    await client.locator("[data-addressbar-action=send]").filter({ visible: true }).first().click();
    await client.getByText("channelId").first().waitFor();
    const rooms = await new Api(stack, await stack.token("reader")).rooms();
    const [room] = rooms.filter(({ name }) => name === "Friday raid");
    expect(room?.createdBy).toBe("reader");
    await new Api(stack, await stack.token("reader")).endRoom(room?.channelId ?? "");
    await page.goto(`${stack.urls.worker}/docs?api=stream`);
    await page.getByRole("heading", { name: "GuildHub sockets" }).waitFor();
    await screenshot(page, "api-stream");

    // The address to which problem documents point.
    await page.goto(`${stack.urls.worker}/docs/errors#unauthorized`);
    expect(await page.locator("h2:target").textContent()).toBe("Sign in first");
  });
});
