import type { Browser, BrowserContextOptions, Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { PRIMARY_GUILD } from "../dev/discord/seed.ts";
import { Api } from "../dev/testing/api.ts";
import { eventually } from "../dev/testing/eventually.ts";
import type { DiscordControl } from "../dev/discord/control-client.ts";
import {
  expectSound,
  goTo,
  HEIGHT,
  isLive,
  launchBrowser,
  openAt,
  signInAs,
  tools,
  unfold,
} from "./page-driver.ts";
import { startStack, type Stack } from "../dev/testing/stack.ts";

const WIDTHS = [360, 768, 1280];
const PLAYER_1 = "100000000000000301";
/** Player 2 and Player 3. */
const PLAYERS = ["100000000000000302", "100000000000000303"];
/** More rooms than one token may open in a minute. */
const MANY = 60;
const ROOMS_PER_TOKEN = 10;

/** Names that break layouts which are not prepared for them. */
const UNBROKEN = "W".repeat(100);
const RIGHT_TO_LEFT = "غرفة الأصدقاء ".repeat(7).trim();
const SIGNS = "👩‍🚀".repeat(30);
const PLAIN = "Friday raid";
const HOSTILE = "<img src=x onerror=alert(1)>";

let stack: Stack;
let discord: DiscordControl;
let browser: Browser;
const problems: string[] = [];

beforeAll(async () => {
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

async function apiOf(sub: string): Promise<Api> {
  return new Api(stack, await stack.token(sub));
}

async function open(options: BrowserContextOptions = {}, place = ""): Promise<Page> {
  const viewport = { width: 1280, height: HEIGHT };
  return openAt(browser, `${stack.urls.worker}/${place}`, { viewport, ...options }, (problem) => {
    problems.push(problem);
  });
}

async function openSignedIn(
  name: string,
  options: BrowserContextOptions = {},
  discordId?: string,
): Promise<Page> {
  const page = await open(options);
  await signInAs(page, name, discordId);
  await isLive(page);
  return page;
}

const statusOf = (page: Page, name: "Stream" | "Discord"): Promise<string | null> =>
  page.getByRole("status", { name }).textContent();

/** At the end of the page nothing covers the time of the last line. */
async function expectLastTimeFree(page: Page, width: number): Promise<void> {
  await page.setViewportSize({ width, height: HEIGHT });
  const onTop = await page.evaluate(`(() => {
    scrollTo(0, document.documentElement.scrollHeight);
    const last = [...document.querySelectorAll("time")].at(-1);
    const { left, top, width, height } = last.getBoundingClientRect();
    return document.elementFromPoint(left + width / 2, top + height / 2)?.tagName;
  })()`);
  expect(onTop, `the last time at ${width} px`).toBe("TIME");
}

const focused = (page: Page): Promise<unknown> =>
  page.evaluate(
    "document.activeElement.getAttribute('aria-label') || document.activeElement.textContent.trim()",
  );

/** The Tab stops from the top of the page to its end. */
async function tabStops(page: Page): Promise<readonly unknown[]> {
  await page.evaluate("document.activeElement.blur()");
  const stops: unknown[] = [];
  for (;;) {
    await page.keyboard.press("Tab");
    if ((await page.evaluate("document.activeElement === document.body")) === true) return stops;
    stops.push(await focused(page));
    if (stops.length > 100) throw new Error(`no end of tab stops: ${stops.join(", ")}`);
  }
}

/** The people whom a room's row shows, and the number of those who do not fit; nothing may be cut. */
async function rowOf(page: Page, room: string): Promise<{ shown: number; more: number }> {
  const list = page.getByRole("list", { name: `People in ${room}` });
  return list.evaluate((row) => {
    const end = row.getBoundingClientRect().right;
    const seen = [...row.children].filter((one) =>
      one.checkVisibility({ checkVisibilityCSS: true }),
    );
    const cut = seen.find((one) => one.getBoundingClientRect().right > end);
    if (cut !== undefined) throw new Error(`${cut.textContent} is cut`);
    const note = seen.find((one) => one.classList.contains("members-more"));
    return {
      shown: seen.filter((one) => one.classList.contains("member")).length,
      more: Number(note?.textContent ?? 0),
    };
  });
}

/** Blocks all requests; `kill` also ends open connections. */
async function cutOff(page: Page): Promise<void> {
  await page.route(`${stack.urls.worker}/**`, (route) => route.abort());
  await stack.kill("worker");
}

describe.each(["light", "dark"] as const)("every view, %s", (colorScheme) => {
  it("fits 360 to 1280 pixels with any name, and axe finds nothing", async () => {
    // The width of a computer and of a phone.
    const widths = colorScheme === "light" ? WIDTHS : WIDTHS.toReversed();
    const page = await open({ colorScheme });
    // In the dark scheme only colours differ.
    const look = colorScheme === "dark" ? "cat.color" : undefined;
    await expectSound(page, widths, "the welcome", look);
    const background = await page.evaluate("getComputedStyle(document.body).backgroundColor");
    const [red = 0] = String(background).match(/\d+/g)?.map(Number) ?? [];
    expect(red > 128).toBe(colorScheme === "light");
    await signInAs(page, `viewer-${colorScheme}`, PLAYER_1);
    await isLive(page);
    await expectSound(page, widths, "no room", look);

    const host = await apiOf(`host-${colorScheme}`);
    const names = [UNBROKEN, RIGHT_TO_LEFT, SIGNS, PLAIN];
    const rooms: string[] = [];
    for (const name of names) rooms.push(await host.createRoom({ name, userLimit: 1 }));
    for (const [index, name] of [UNBROKEN.slice(0, 32), "مرحبا بالعالم", "👩‍🚀"].entries()) {
      const userId = `30000000000000000${index}`;
      await discord.setMember(userId, true);
      await discord.changeUser(userId, { globalName: name });
      await discord.move(userId, rooms[0] ?? null);
    }
    const longest = page.getByRole("button", { name: UNBROKEN, exact: true });
    await longest.waitFor();
    await page.getByText("3 of 1").waitFor();
    await expectSound(page, widths, "rooms", look);
    await unfold(page, UNBROKEN);
    await page.getByText("Opened at").waitFor();
    await expectSound(page, widths, "an open room", look);

    await page.getByRole("button", { name: "New room" }).click();
    await page.getByLabel("Private").check();
    await page.getByLabel("Who may come in").fill("x".repeat(200));
    await page.getByRole("button", { name: "Open room" }).click();
    await page.getByText("is nobody yet").waitFor();
    await expectSound(page, widths, "a new room that is filled in badly", look);
    await page.keyboard.press("Escape");

    const faceit = stack.faceit;
    const playerId = await faceit.createPlayer(colorScheme.padEnd(60, "N"));
    const { matchId } = await faceit.createMatch({
      rosters: { faction1: [playerId] },
      names: { faction1: UNBROKEN, faction2: `${RIGHT_TO_LEFT} ${HOSTILE}` },
      competition: { name: `Cup ${UNBROKEN} ${HOSTILE}` },
      status: "READY",
    });
    await goTo(page, "Matches");
    await page.getByRole("listitem", { name: /^Cup W+/ }).waitFor();
    await expectSound(page, widths, "a match", look);
    expect(await page.locator("img[src=x]").count()).toBe(0);
    await faceit.move(matchId, "CANCELLED");
    await page.getByText("No match is being played").waitFor();
    await expectSound(page, widths, "no match", look);

    await goTo(page, "Activity");
    await page.getByText("was opened").first().waitFor();
    await expectSound(page, widths, "the activity", look);
    for (const width of widths) await expectLastTimeFree(page, width);
    await tools(page);
    await page.getByRole("heading", { name: "Local Discord" }).waitFor();
    await expectSound(page, widths, "the tools", look);

    await discord.gateway({ action: "outage" });
    await page.getByText("Discord has not been connected since").waitFor();
    await tools(page, false);
    await expectSound(page, widths, "Discord is away", look);
    await discord.gateway({ action: "restore" });
    await isLive(page);
    for (const channelId of rooms) await host.endRoom(channelId);
  });
});

describe("a room and its people", () => {
  it("becomes private with picked names and pasted ids, without a mouse", async () => {
    // The page knows people whom the server has seen.
    const host = await apiOf("host");
    const channelId = await host.createRoom({ name: "Open to all" });
    for (const userId of [PLAYER_1, ...PLAYERS]) await discord.move(userId, channelId);
    const page = await openSignedIn("owner", {}, PLAYER_1);
    await page.getByText("3 of 4").waitFor();
    await page.getByRole("button", { name: "New room" }).press("Enter");
    await page.getByLabel("Name", { exact: true }).fill("Council");
    await page.getByLabel("Private").press("Space");
    const who = page.getByRole("combobox", { name: "Who may come in" });
    await who.fill("player");
    await page.getByRole("option", { name: "Player 2" }).waitFor();
    // The creator of a room may join anyway, and so is not offered.
    expect(await page.getByRole("option", { name: "Player 1" }).count()).toBe(0);
    await who.press("ArrowDown");
    await who.press("ArrowDown");
    const active = await page.evaluate(
      "document.getElementById(document.activeElement.getAttribute('aria-activedescendant')).textContent",
    );
    await who.press("Enter");
    const picked = page.getByRole("list", { name: "May come in" }).getByRole("listitem");
    await picked.filter({ hasText: String(active) }).waitFor();
    await who.fill("400000000000000001, 400000000000000002");
    await who.press("Enter");
    await expect.poll(() => picked.count()).toBe(3);
    await who.press("Backspace");
    await expect.poll(() => picked.count()).toBe(2);
    await who.fill("pl");
    await page.getByRole("option").first().waitFor();
    await who.press("Escape");
    await page.getByRole("listbox").waitFor({ state: "detached" });
    await page.getByRole("dialog").waitFor();
    await who.fill("");
    const sent = page.waitForRequest((request) => request.url().endsWith("/create-room"));
    await page.getByRole("button", { name: "Open room" }).press("Enter");
    const body: unknown = (await sent).postDataJSON();
    expect(body).toMatchObject({ private: true, name: "Council" });
    expect(body).toHaveProperty("allowedUserIds", [expect.any(String), "400000000000000001"]);
    await page.getByRole("heading", { name: "Council", exact: true }).waitFor();
    const link = page.getByRole("link", { name: "Open in Discord: Council, in a new tab" });
    expect(await link.getAttribute("href")).toMatch(
      new RegExp(`^https://discord\\.com/channels/${PRIMARY_GUILD}/\\d+$`),
    );
    await page.getByRole("button", { name: "End Council" }).click();
    await page.getByRole("button", { name: "End room" }).last().click();
    await page
      .getByRole("heading", { name: "Council", exact: true })
      .waitFor({ state: "detached" });
  });

  it("says how many of its people do not fit into its row", async () => {
    const crowd = Array.from({ length: 12 }, (_, n) => `${60_000_000_000 + n}`);
    const host = await apiOf("crowded");
    const channelId = await host.createRoom({ name: "Crowd", userLimit: 0 });
    for (const [index, userId] of crowd.entries()) {
      await discord.setMember(userId, true);
      await discord.changeUser(userId, { globalName: `Somebody ${index}` });
      await discord.move(userId, channelId);
    }
    const page = await openSignedIn("counter");
    await page.getByText("12 in", { exact: true }).waitFor();
    // Wide again at the end: those who had no room come back.
    for (const width of [1280, 768, 360, 1280]) {
      await page.setViewportSize({ width, height: HEIGHT });
      await eventually(`everybody counts at ${width} px`, async () => {
        const { shown, more } = await rowOf(page, "Crowd");
        expect([shown > 1, shown + more]).toEqual([true, crowd.length]);
      });
    }
    for (const userId of crowd.slice(2)) await discord.move(userId, null);
    await page.getByText("2 in", { exact: true }).waitFor();
    await expect.poll(() => rowOf(page, "Crowd")).toEqual({ shown: 2, more: 0 });
    await host.endRoom(channelId);
  });

  it("cannot be private without a Discord account, and the page says so in advance", async () => {
    const page = await openSignedIn("stranger");
    await page.getByRole("button", { name: "New room" }).click();
    const box = page.getByRole("checkbox", { name: "Private" });
    await page.getByText("does not say which Discord account is yours").waitFor();
    await box.press("Space");
    expect(await box.isChecked()).toBe(false);
    expect(await page.getByRole("combobox").count()).toBe(0);
  });
});

describe("navigation", () => {
  it("works by links, the back button and the keyboard; the focus follows", async () => {
    const page = await open({}, "#/activity");
    await signInAs(page, "walker");
    await page.getByRole("heading", { level: 1, name: "Activity" }).waitFor();
    await expect.poll(() => page.title()).toBe("Activity · GuildHub");

    await page.evaluate("document.activeElement.blur()");
    await page.keyboard.press("Tab");
    expect(await focused(page)).toBe("Skip to content");
    await page.keyboard.press("Enter");
    await expect.poll(() => focused(page)).toBe("Activity");
    expect(new URL(page.url()).hash).toBe("#/activity");

    await page.getByRole("link", { name: "Matches" }).press("Enter");
    await eventually("the heading has the focus", async () => {
      expect(await focused(page)).toBe("Matches");
    });
    await page.goBack();
    await page.getByRole("heading", { level: 1, name: "Activity" }).waitFor();
    await eventually("the heading has the focus again", async () => {
      expect(await focused(page)).toBe("Activity");
    });
    await page.goForward();
    await page.getByRole("heading", { level: 1, name: "Matches" }).waitFor();

    const channelId = await (await apiOf("linker")).createRoom({ name: "Linked" });
    await page.goto(`${stack.urls.worker}/#/rooms/${channelId}`);
    await page.getByRole("button", { name: "Invite to Linked" }).waitFor();
    await page.goto(`${stack.urls.worker}/#/rooms/1`);
    await page.getByText("The room of this link is not open any more.").waitFor();
    await (await apiOf("linker")).endRoom(channelId);
  });
});

describe("what happened", () => {
  it("is shown after a reload, in sentences, from before the page was opened", async () => {
    const api = await apiOf("historian");
    const channelId = await api.createRoom({ name: "Archive" });
    const page = await openSignedIn("reader");
    await page.getByRole("heading", { name: "Archive" }).waitFor();
    await api.endRoom(channelId);
    await page.getByRole("heading", { name: "Archive" }).waitFor({ state: "detached" });
    await page.reload();
    await isLive(page);
    await goTo(page, "Activity");
    await page.getByText("Archive was opened").waitFor();
    await page.getByText("Archive ended").waitFor();
    await page.getByRole("radio", { name: "Matches" }).check();
    await page.getByText("Archive ended").waitFor({ state: "detached" });
    await page.getByRole("radio", { name: "All" }).check();
    await page.getByLabel("Search the activity").fill("archive ended");
    await expect.poll(() => page.locator("[data-seq]").count()).toBe(1);
  });

  it("is unknown for Discord while the stream is down, and errors disappear when it is back", async () => {
    const page = await openSignedIn("watcher");
    await cutOff(page);
    await page.getByText("nothing new has arrived since").waitFor();
    await expect.poll(() => statusOf(page, "Stream")).not.toMatch(/^Live/);
    await expect.poll(() => statusOf(page, "Discord")).toBe("Not known");

    await page.getByRole("button", { name: "New room" }).click();
    await page.getByRole("button", { name: "Open room" }).click();
    await page.getByText("The server can't be reached.").waitFor();
    await page.unroute(`${stack.urls.worker}/**`);
    await stack.untilReady();
    await isLive(page);
    await page.getByText("nothing new has arrived since").waitFor({ state: "detached" });
    await page.getByText("The server can't be reached.").waitFor({ state: "detached" });
    // Without a name, the room is named after its creator.
    await page.getByRole("button", { name: "Open room" }).click();
    await page.getByRole("heading", { name: "watcher's room", exact: true }).waitFor();
  });
});

// This comes last, because its rooms are not ended.
describe("a busy guild", () => {
  it("is short with 60 rooms: one stop of the Tab key, groups and a search", async () => {
    const everything = new Api(stack, await stack.token("tidy", { scope: "rooms:manage" }));
    for (const { channelId } of await everything.rooms()) await everything.endRoom(channelId);
    const owners = await Promise.all(
      Array.from({ length: MANY / ROOMS_PER_TOKEN }, (_, n) => apiOf(`many-${n}`)),
    );
    const rooms: string[] = [];
    for (let n = 0; n < MANY; n++) {
      const owner = owners[n % owners.length];
      if (owner === undefined) throw new Error("no owner");
      rooms.push(await owner.createRoom({ name: `Squad ${n}` }));
    }
    const [first = ""] = rooms;
    await discord.move("500000000000000001", first);
    const page = await openSignedIn("manager");
    await page.getByRole("heading", { name: "Squad 59" }).waitFor();
    await page.getByRole("heading", { name: "With people" }).waitFor();
    await page.getByRole("heading", { name: "Empty" }).waitFor();
    for (const width of WIDTHS) {
      await page.setViewportSize({ width, height: HEIGHT });
      const height = Number(await page.evaluate("document.documentElement.scrollHeight"));
      expect(height, `at ${width} px`).toBeLessThan(4_500);
    }
    const stops = await tabStops(page);
    expect(stops.length, stops.join(", ")).toBeLessThan(15);

    await page.getByRole("button", { name: "Squad 0", exact: true }).focus();
    await page.keyboard.press("ArrowDown");
    expect(await focused(page)).toBe("Squad 59");
    await page.keyboard.press("End");
    expect(await focused(page)).toBe("Squad 1");
    await page.keyboard.press("Tab");
    expect(await focused(page)).toBe("Open in Discord: Squad 1, in a new tab");
    await page.keyboard.press("Home");
    expect(await focused(page)).toBe("Open in Discord: Squad 0, in a new tab");

    // The focused row moves to the other group and keeps the focus.
    await page.getByRole("button", { name: "Squad 0", exact: true }).focus();
    await discord.move("500000000000000001", null);
    await page.getByRole("heading", { name: "With people" }).waitFor({ state: "detached" });
    await expect.poll(() => focused(page)).toBe("Squad 0");

    await page.getByLabel("Search rooms and people").fill("squad 4");
    await expect.poll(() => page.getByRole("heading", { level: 3 }).count()).toBe(11);
    await page.getByLabel("Search rooms and people").fill("nothing of it");
    await page.getByText("No room or person matches").waitFor();
  });
});
