import { AxeBuilder } from "@axe-core/playwright";
import { chromium, type Browser, type BrowserContextOptions, type Page } from "playwright-core";
import { expect } from "vitest";
import { findChromium } from "../dev/chromium.ts";
import { eventually } from "../dev/testing/eventually.ts";

/** Deadline of one step on a busy machine, milliseconds. */
const STEP_MS = 60_000;

/** Height of the window in which views are looked at, pixels. */
export const HEIGHT = 800;

/** Chromium's arguments: no traffic of its own, and root may start it. */
export const BROWSER_ARGUMENTS: readonly string[] = [
  ...(process.getuid?.() === 0 ? ["--no-sandbox"] : []),
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

/**
 * Starts the browser for the tests of the page.
 * @throws when none is installed
 */
export async function launchBrowser(): Promise<Browser> {
  const executablePath = findChromium();
  if (executablePath === undefined) throw new Error("no Chromium: set CHROMIUM_PATH");
  return chromium.launch({ executablePath, args: [...BROWSER_ARGUMENTS] });
}

/**
 * Opens a URL in a new browser context.
 * @param options `withoutWebSocket`: as behind a proxy that blocks WebSockets
 * @param onProblem called for what a page must never have: an uncaught error, or a violation of its own
 * policy
 */
export async function openAt(
  browser: Browser,
  url: string,
  options: BrowserContextOptions & { readonly withoutWebSocket?: boolean },
  onProblem: (problem: string) => void,
): Promise<Page> {
  const { withoutWebSocket = false, ...rest } = options;
  const context = await browser.newContext({ reducedMotion: "reduce", ...rest });
  context.setDefaultTimeout(STEP_MS);
  if (withoutWebSocket) {
    await context.addInitScript(() => {
      // Behind such a proxy a socket never opens.
      const Blocked = class extends EventTarget {
        constructor() {
          super();
          setTimeout(() => this.dispatchEvent(new CloseEvent("close", { code: 1006 })), 1);
        }
        close(): void {}
        send(): void {}
      };
      Object.assign(globalThis, { WebSocket: Blocked });
    });
  }
  const page = await context.newPage();
  page.on("pageerror", (error) => onProblem(error.message));
  page.on("console", (message) => {
    if (/content.security.policy/i.test(message.text())) onProblem(message.text());
  });
  await page.goto(url);
  return page;
}

/**
 * Signs in at the local provider.
 * @param discordId the person's Discord account; empty: none
 */
export async function signInAs(page: Page, name: string, discordId = ""): Promise<void> {
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.getByLabel("Name").fill(name);
  await page.getByLabel("Discord id").fill(discordId);
  await page.getByRole("button", { name: "Sign in" }).click();
}

/** Waits until the header shows both connections as up. */
export async function isLive(page: Page, stream = "Live"): Promise<void> {
  const status = (name: string): Promise<string | null> =>
    page.getByRole("status", { name }).textContent();
  await eventually("the page is live", async () => {
    expect([await status("Stream"), await status("Discord")]).toEqual([stream, "Connected"]);
  });
}

/** Opens or closes the tools of the local stack, which cover the page on small screens. */
export async function tools(page: Page, open = true): Promise<void> {
  const toggle = page.getByRole("button", { name: "Test tools", exact: true });
  if ((await toggle.getAttribute("aria-expanded")) !== String(open)) await toggle.click();
}

/** An area of the page, by its name in the navigation. */
type AreaName = "Rooms" | "Matches" | "Activity" | "Sync";

/** Goes to an area through its link. */
export async function goTo(page: Page, area: AreaName): Promise<void> {
  await page.getByRole("navigation").getByRole("link", { name: area }).click();
  await page.getByRole("heading", { level: 1, name: area }).waitFor();
}

/** Opens a room's row if it is closed. */
export async function unfold(page: Page, name: string): Promise<void> {
  const row = page.getByRole("button", { name, exact: true });
  if ((await row.getAttribute("aria-expanded")) !== "true") await row.click();
}

/** Width of the page, pixels: more than the window if something overflows. */
async function pageWidth(page: Page): Promise<number> {
  return Number(await page.evaluate("document.documentElement.scrollWidth"));
}

/**
 * Checks that a view fits every width, and that axe finds nothing at the last one.
 * @param look what axe checks; undefined: everything
 */
export async function expectSound(
  page: Page,
  widths: readonly number[],
  view: string,
  look: string | undefined,
): Promise<void> {
  // Until it has loaded its configuration, the page is empty.
  await page.getByRole("heading", { level: 1 }).first().waitFor();
  for (const width of widths) {
    await page.setViewportSize({ width, height: HEIGHT });
    expect(await pageWidth(page), `${view} at ${width} px`).toBeLessThanOrEqual(width);
  }
  const axe = new AxeBuilder({ page });
  // A tag also selects the rules of WCAG AAA, which axe does not apply otherwise.
  const looking =
    look === undefined ? axe : axe.withTags(look).disableRules("color-contrast-enhanced");
  const { violations } = await looking.analyze();
  expect(
    violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join("\n")}`),
    view,
  ).toEqual([]);
}
