import { mkdirSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import type { Browser, BrowserContextOptions, Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { launchStack, type StackProcess } from "../dev/testing/stack.ts";
import { eventually } from "../dev/testing/eventually.ts";
import { expectSound, HEIGHT, launchBrowser, openAt } from "./page-driver.ts";
import { SyncTerminal } from "./sync-terminal.ts";

/** Screenshots of a run, for a person to look at. */
const SCREENSHOTS = path.join(tmpdir(), "guildhub-screenshots");

const LAPTOP = { host: "ada-laptop", platform: "darwin", homeDir: "/Users/ada" };
const PROJECT = { ...LAPTOP, path: "/Users/ada/code/guildhub" };
/** Names that break layouts and pages which are not prepared for them. */
const UNBROKEN = "W".repeat(100);
const HOSTILE = "<img src=x onerror=alert(1)>";

let stack: StackProcess;
let browser: Browser;
const problems: string[] = [];

beforeAll(async () => {
  mkdirSync(SCREENSHOTS, { recursive: true });
  stack = await launchStack({ AREAS: "sync" });
  browser = await launchBrowser();
  await stack.isReady();
});
afterAll(async () => {
  await browser?.close();
  await stack?.stop();
});
afterEach(async () => {
  await Promise.all(browser.contexts().map((context) => context.close()));
  expect(problems.splice(0)).toEqual([]);
});

async function openPage(options: BrowserContextOptions = {}, place = ""): Promise<Page> {
  const viewport = { width: 1280, height: HEIGHT };
  const url = `${stack.urls.worker}/${place}`;
  return openAt(browser, url, { viewport, ...options }, (problem) => problems.push(problem));
}

function terminalOf(supportsV2 = true): SyncTerminal {
  const terminal = new SyncTerminal(stack.urls.worker, supportsV2);
  onTestFinished(() => terminal.stop());
  return terminal;
}

/** Creates an account on the page. @returns its backup code */
async function createAccount(page: Page, keep = false): Promise<string> {
  await page.getByRole("button", { name: "Create an account" }).click();
  const dialog = page.getByRole("dialog");
  const code = await dialog.getByLabel("Backup code").inputValue();
  await dialog.getByLabel("I have saved the code").check();
  if (keep) await dialog.getByLabel("Keep the key in this browser").check();
  await dialog.getByRole("button", { name: "Create account" }).click();
  await page.getByRole("button", { name: "Pair a terminal" }).waitFor();
  return code;
}

async function signIn(page: Page, code: string): Promise<void> {
  await page.getByLabel("Backup code").fill(code);
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.getByRole("button", { name: "Pair a terminal" }).waitFor();
}

/** Lets a terminal in, by its link. @returns what it got */
async function pair(page: Page, terminal: SyncTerminal): Promise<Buffer> {
  await terminal.ask();
  await page.getByRole("button", { name: "Pair a terminal" }).click();
  await page.getByLabel("Link of the terminal").fill(terminal.link);
  await page.getByRole("button", { name: "Continue" }).click();
  await page.getByRole("button", { name: "Allow", exact: true }).click();
  const got = await terminal.letIn();
  await page.getByRole("dialog").waitFor({ state: "detached" });
  return got;
}

const isLive = async (page: Page): Promise<void> =>
  eventually("the page is live", async () => {
    expect(await page.getByRole("status", { name: "Sync" }).textContent()).toBe("Live");
  });

/** What the element says that has the focus. */
const focused = (page: Page): Promise<unknown> =>
  page.evaluate("document.activeElement.textContent");

/** The row of a machine or session, by its name. */
const row = (page: Page, name: string) =>
  page
    .getByRole("listitem")
    .filter({ has: page.getByRole("heading", { level: 3, name, exact: true }) });

const screenshot = (page: Page, name: string): Promise<Buffer> =>
  page.screenshot({ path: path.join(SCREENSHOTS, `sync-${name}.png`), fullPage: true });

describe("a new account", () => {
  it("pairs a terminal, and shows what its agents do as they do it", async () => {
    const page = await openPage();
    await createAccount(page);
    await isLive(page);
    await page.getByText("No machine is here yet").waitFor();

    const terminal = terminalOf();
    const got = await pair(page, terminal);
    // A version and a public key: the account's own key stays on the page.
    expect([got.length, got[0]]).toEqual([33, 0]);
    await page.getByText("The terminal is paired", { exact: true }).waitFor();
    await page.getByText("npx happy daemon start", { exact: true }).waitFor();
    expect(await page.getByText("npx happy auth login").count()).toBe(0);

    await terminal.machine("machine-1", LAPTOP);
    await row(page, "ada-laptop").getByText("Offline").waitFor();
    const machine = await terminal.connect({ machineId: "machine-1" });
    await row(page, "ada-laptop").getByText("Online").waitFor();
    await page.getByText("1 of 1 machine online, 0 sessions running").waitFor();

    const id = await terminal.session("tag-1", PROJECT);
    const session = row(page, "guildhub");
    await session.getByText("Running").waitFor();
    await session.getByText("~/code/guildhub · ada-laptop").waitFor();
    await terminal.messages(id, 41);
    await session.getByText("41 messages").waitFor();
    await terminal.messages(id, 1);
    await session.getByText("42 messages").waitFor();
    const agent = await terminal.connect({ sessionId: id });
    agent.say("session-alive", { sid: id, time: Date.now(), thinking: true });
    await session.getByText("Working").waitFor();
    await screenshot(page, "1-working");
    agent.say("session-alive", { sid: id, time: Date.now(), thinking: false });
    await session.getByText("Running").waitFor();

    await terminal.archive(id);
    await page.getByRole("heading", { name: "Ended sessions" }).waitFor();
    await session.getByText("Ended").waitFor();
    machine.end();
    await row(page, "ada-laptop").getByText("Offline").waitFor();
    await terminal.deleteSession(id);
    await session.waitFor({ state: "detached" });
  });

  it("is left when the code was not saved, and then there is none", async () => {
    const page = await openPage();
    await page.getByRole("button", { name: "Create an account" }).press("Enter");
    const code = await page.getByRole("dialog").getByLabel("Backup code").inputValue();
    await page.getByRole("button", { name: "Create account" }).press("Enter");
    await page.getByText("Save the code first").waitFor();
    await page.keyboard.press("Escape");
    await page.getByRole("dialog").waitFor({ state: "detached" });
    await page.getByRole("button", { name: "Create an account" }).press("Enter");
    expect(await page.getByRole("dialog").getByLabel("Backup code").inputValue()).not.toBe(code);
  });
});

describe("the key of an account", () => {
  it("is sent nowhere, is gone after a reload, and opens the names again", async () => {
    const page = await openPage();
    const sent: string[] = [];
    page.on("request", (request) => {
      const headers = JSON.stringify(request.headers());
      sent.push(`${request.url()} ${headers} ${request.postData() ?? ""}`);
    });
    page.on("websocket", (socket) => {
      sent.push(socket.url());
      socket.on("framesent", ({ payload }) => sent.push(String(payload)));
    });
    const code = await createAccount(page);
    const terminal = terminalOf();
    await pair(page, terminal);
    await terminal.machine("machine-1", LAPTOP);
    await terminal.session("tag-1", { ...PROJECT, name: HOSTILE });
    await row(page, "ada-laptop").waitFor();
    await row(page, HOSTILE).waitFor();

    await page.reload();
    await page.getByText("Names and folders are encrypted").waitFor();
    await row(page, "Machine …hine-1").getByText("Encrypted").waitFor();
    expect(await page.getByText("ada-laptop").count()).toBe(0);
    await page.getByRole("button", { name: "Paste the code" }).press("Enter");
    await page.keyboard.type("not a code");
    await page.keyboard.press("Enter");
    await page.getByText("This is not a whole backup code").waitFor();
    await page.getByLabel("Backup code").fill(`${"AAAAA-".repeat(10)}AA`);
    await page.getByRole("button", { name: "Show names" }).click();
    await page.getByText("This is the code of another account").waitFor();
    // As a person types it who reads it from paper.
    await page.getByLabel("Backup code").fill(code.toLowerCase().replaceAll("-", " "));
    await page.getByRole("button", { name: "Show names" }).click();
    await row(page, "ada-laptop").waitFor();
    await row(page, HOSTILE).waitFor();
    expect(await page.locator("img[src=x]").count()).toBe(0);

    const stored = await page.evaluate(
      "JSON.stringify([{ ...localStorage }, { ...sessionStorage }])",
    );
    const secret = bytesOfCode(code);
    expect(sent.length).toBeGreaterThan(10);
    for (const form of formsOf(secret, code)) {
      expect(stored).not.toContain(form);
      expect(sent.filter((text) => text.includes(form))).toEqual([]);
    }
  });

  it("is kept in this browser if the person wishes, until they take it away", async () => {
    const page = await openPage();
    const code = await createAccount(page, true);
    const terminal = terminalOf();
    await pair(page, terminal);
    await terminal.machine("machine-1", LAPTOP);
    await row(page, "ada-laptop").waitFor();
    await page.reload();
    await row(page, "ada-laptop").waitFor();
    // A new tab has no token: the key signs in.
    const tab = await page.context().newPage();
    await tab.goto(stack.urls.worker);
    await row(tab, "ada-laptop").waitFor();

    await tab.getByRole("button", { name: /key and sign-out$/ }).click();
    await tab.getByText("is kept in this browser").waitFor();
    await tab.getByRole("button", { name: "Remove the key from here" }).click();
    // It is asked once, and Enter at once changes nothing.
    await tab.getByRole("heading", { name: "Remove the key from here?" }).waitFor();
    expect(await focused(tab)).toBe("Keep the key");
    await tab.getByRole("button", { name: "Remove the key", exact: true }).click();
    await row(tab, "Machine …hine-1").waitFor();
    await tab.reload();
    await tab.getByText("Names and folders are encrypted").waitFor();
    expect(await tab.evaluate("JSON.stringify({ ...localStorage })")).toBe("{}");

    const elsewhere = await openPage();
    await signIn(elsewhere, code);
    await row(elsewhere, "ada-laptop").waitFor();
  });
});

/** The 32 bytes of a backup code. */
function bytesOfCode(code: string): Buffer {
  const letters = code.replaceAll("-", "").split("");
  const bits = letters.map((letter) =>
    "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567".indexOf(letter).toString(2).padStart(5, "0"),
  );
  const bytes = bits.join("").match(/.{8}/g) ?? [];
  return Buffer.from(bytes.map((byte) => Number.parseInt(byte, 2)));
}

/** What a secret would look like in something that was sent or stored. */
function formsOf(secret: Buffer, code: string): readonly string[] {
  expect(secret.length).toBe(32);
  const base64 = secret.toString("base64").slice(0, 42);
  return [
    code,
    code.slice(0, 17),
    base64,
    encodeURIComponent(base64),
    secret.toString("base64url"),
    secret.toString("hex"),
  ];
}

describe("what a person types at once", () => {
  /** Opens something by a click, and types before the page is painted again. */
  const openAndType = (page: Page, button: string): Promise<unknown> =>
    page.evaluate(`(async () => {
      const buttons = [...document.querySelectorAll("button")];
      buttons.find(({ textContent }) => textContent.trim() === "${button}").click();
      // What the click asked for is rendered in a microtask. A frame, and a key, are tasks of their own.
      for (let n = 0; n < 10; n += 1) await null;
      document.execCommand("insertText", false, "typed");
      return document.activeElement.value ?? document.activeElement.tagName;
    })()`);

  it("is in the field that was asked for", async () => {
    const page = await openPage();
    await createAccount(page);
    expect(await openAndType(page, "Pair a terminal")).toBe("typed");
    await page.keyboard.press("Escape");
    const terminal = terminalOf();
    await pair(page, terminal);
    await terminal.machine("machine-1", LAPTOP);
    await row(page, "ada-laptop").waitFor();
    await page.reload();
    await page.getByText("Names and folders are encrypted").waitFor();
    expect(await openAndType(page, "Paste the code")).toBe("typed");
  });
});

describe("an account that is empty", () => {
  it("is doubted after a code was pasted, not after it was made, and another code can be used", async () => {
    const page = await openPage();
    const code = await createAccount(page);
    await page.getByText("No machine is here yet").waitFor();
    const doubt = page.getByText("This account is new or empty");
    expect(await doubt.count()).toBe(0);
    const terminal = terminalOf();
    await pair(page, terminal);
    await terminal.machine("machine-1", LAPTOP);

    const phone = await openPage({ viewport: { width: 390, height: HEIGHT } });
    // One letter is wrong.
    await signIn(phone, `${code.startsWith("A") ? "B" : "A"}${code.slice(1)}`);
    await phone.getByText("This account is new or empty").waitFor();
    await phone.getByRole("button", { name: "Use another code" }).press("Enter");
    await phone.getByRole("button", { name: "Sign out", exact: true }).press("Enter");
    await signIn(phone, code);
    await row(phone, "ada-laptop").waitFor();
    expect(await phone.getByText("This account is new or empty").count()).toBe(0);
  });
});

describe("machines", () => {
  it("of the same name are told apart, and one is removed after a question, by keyboard", async () => {
    const page = await openPage({ viewport: { width: 390, height: HEIGHT } });
    await createAccount(page);
    const terminal = terminalOf();
    await pair(page, terminal);
    const vm = { host: "vm", platform: "linux" };
    await terminal.machine("machine-1-aaaaaa", { ...vm, homeDir: "/home/ada" });
    await terminal.machine("machine-2-bbbbbb", { ...vm, homeDir: "/root" });
    const machines = page.getByRole("region", { name: "Machines" });
    const [first, second] = [machines.getByText(/…aaaaaa/), machines.getByText(/…bbbbbb/)];
    await first.waitFor();
    expect(await first.textContent()).toMatch(/^Linux · …aaaaaa · added .+ · \/home\/ada$/);
    expect(await second.textContent()).toMatch(/^Linux · …bbbbbb · added .+ · \/root$/);

    const remove = page.getByRole("button", { name: "Remove vm (…bbbbbb)" });
    await remove.press("Enter");
    await page.getByRole("heading", { name: "Remove vm (…bbbbbb)?" }).waitFor();
    expect(await focused(page)).toBe("Keep it");
    await page.keyboard.press("Enter");
    await page.getByRole("dialog").waitFor({ state: "detached" });
    expect(await terminal.statusOf("/v1/machines/machine-2-bbbbbb")).toBe(200);
    await remove.press("Enter");
    await page.getByText("It is not signed out").waitFor();
    await page.getByRole("button", { name: "Remove", exact: true }).press("Enter");
    await second.waitFor({ state: "detached" });
    await eventually("the focus is on the page", async () => {
      expect(await focused(page)).toBe("Sync");
    });
    expect(await terminal.statusOf("/v1/machines/machine-2-bbbbbb")).toBe(404);
    expect(await terminal.statusOf("/v1/machines/machine-1-aaaaaa")).toBe(200);
  });

  it("and sessions that were not heard of for a minute are no claim", async () => {
    const page = await openPage();
    await createAccount(page, true);
    const terminal = terminalOf();
    await pair(page, terminal);
    await terminal.machine("machine-1", LAPTOP);
    await terminal.connect({ machineId: "machine-1" });
    const id = await terminal.session("tag-1", PROJECT);
    await row(page, "guildhub").getByText("Running").waitFor();
    await page.getByText("1 of 1 machine online, 1 session running").waitFor();
    await page.clock.setFixedTime(Date.now() + 130_000);
    await page.reload();
    for (const name of ["guildhub", "ada-laptop"]) {
      await row(page, name).getByText("No news").waitFor();
      await row(page, name).getByText("last seen 2 min ago").waitFor();
    }
    await page.getByText("0 of 1 machine online, 0 sessions running").waitFor();
    // A beat is news, whatever the clock of this page says.
    const agent = await terminal.connect({ sessionId: id });
    agent.say("session-alive", { sid: id, time: Date.now(), thinking: false });
    await row(page, "guildhub").getByText("Running").waitFor();
    await row(page, "guildhub").getByText("active now").waitFor();
  });
});

describe("a terminal", () => {
  it("of an older client gets the account's key, after a warning", async () => {
    const page = await openPage();
    const code = await createAccount(page);
    const terminal = terminalOf(false);
    await terminal.ask();
    await page.getByRole("button", { name: "Pair a terminal" }).click();
    await page.getByLabel("Link of the terminal").fill(terminal.link);
    await page.keyboard.press("Enter");
    await page.getByText("gets the account's key itself").waitFor();
    await page.getByText(`${terminal.link.split("?")[1]?.slice(0, 12)}…`).waitFor();
    await page.getByRole("button", { name: "Allow", exact: true }).click();
    expect(await terminal.letIn()).toEqual(bytesOfCode(code));
    await terminal.machine("old-machine", { ...LAPTOP, platform: "linux" });
    await row(page, "ada-laptop").getByText("Linux").waitFor();
  });

  it("that opens this page is asked about there, also before the sign-in", async () => {
    const terminal = terminalOf();
    await terminal.ask();
    const { pathname, hash } = new URL(terminal.address);
    const page = await openPage({}, `${pathname.slice(1)}${hash}`);
    await page.getByText("A terminal waits to be let in").waitFor();
    await createAccount(page);
    await page.getByRole("dialog").getByText("Let this terminal in?").waitFor();
    await page.getByRole("button", { name: "Allow", exact: true }).click();
    await terminal.letIn();
    await page.getByRole("dialog").waitFor({ state: "detached" });
    expect(new URL(page.url()).hash).toBe("#/sync");
  });

  it("is not let in when it is refused, is unknown, was let in before, or is none", async () => {
    const page = await openPage();
    const code = await createAccount(page);
    const [refused, used] = [terminalOf(), terminalOf()];
    await pair(page, used);
    await refused.ask();
    await page.getByRole("button", { name: "Pair a terminal" }).click();
    const link = page.getByLabel("Link of the terminal");
    const tried = async (text: string): Promise<void> => {
      await link.fill(text);
      await page.keyboard.press("Enter");
    };
    await tried(used.link);
    await page.getByText("This link was used already").waitFor();
    await tried(terminalOf().link);
    await page.getByText("No terminal waits with this link").waitFor();
    await page.getByText("forgotten within 15 minutes").waitFor();
    // A backup code in the wrong field is no link, and is not sent.
    const requests: string[] = [];
    page.on("request", (request) => requests.push(request.url()));
    await tried(code);
    await page.getByText("This is not the link of a terminal").waitFor();
    expect(requests).toEqual([]);
    await tried(refused.link);
    await page.getByRole("button", { name: "Do not allow" }).click();
    expect(await refused.ask()).toEqual({ state: "requested" });
  });

  it("is paired after the code where the key is not on the page, or not at all", async () => {
    const page = await openPage();
    const code = await createAccount(page);
    await page.reload();
    const open = page.getByRole("button", { name: "Pair a terminal" });
    await open.press("Enter");
    await page.getByRole("button", { name: "Cancel" }).press("Enter");
    await page.getByRole("dialog").waitFor({ state: "detached" });
    await open.press("Enter");
    expect(await page.getByRole("button", { name: "Show names" }).count()).toBe(0);
    await page.getByLabel("Backup code").fill(code);
    await page.getByRole("button", { name: "Continue" }).press("Enter");
    await page.getByLabel("Link of the terminal").waitFor();
    expect(await page.evaluate("document.activeElement.tagName")).toBe("TEXTAREA");
  });

  it("is read from its picture by the camera, where the browser can", async () => {
    const page = await openPage();
    await createAccount(page);
    const terminal = terminalOf();
    await terminal.ask();
    await page.evaluate(`{
      // A camera that shows a shelf with another code first.
      const seen = [[], [{ rawValue: "https://shop.test/1" }], [{ rawValue: "${terminal.link}" }]];
      globalThis.BarcodeDetector = class {
        detect = async () => seen.shift() ?? [];
      };
      const picture = document.createElement("canvas");
      picture.getContext("2d").fillRect(0, 0, 1, 1);
      const stream = picture.captureStream();
      globalThis.track = stream.getTracks()[0];
      navigator.mediaDevices.getUserMedia = async () => stream;
    }`);
    await page.getByRole("button", { name: "Pair a terminal" }).click();
    await page.getByRole("button", { name: "Scan the picture" }).click();
    await page.getByText("Let this terminal in?").waitFor();
    expect(await page.evaluate("track.readyState")).toBe("ended");
  });

  it("needs its link pasted where the camera is refused", async () => {
    const page = await openPage();
    await createAccount(page);
    await page.evaluate(`{
      globalThis.BarcodeDetector = class {};
      navigator.mediaDevices.getUserMedia = () => Promise.reject(new Error("refused"));
    }`);
    await page.getByRole("button", { name: "Pair a terminal" }).click();
    await page.getByRole("button", { name: "Scan the picture" }).click();
    await page.getByText("The camera cannot be used here").waitFor();
  });
});

describe("signing out", () => {
  it("everywhere ends every page and terminal of the account, and of no other", async () => {
    const page = await openPage();
    const code = await createAccount(page);
    const terminal = terminalOf();
    await pair(page, terminal);
    const second = await openPage();
    await signIn(second, code);
    await isLive(second);
    const stranger = await openPage();
    await createAccount(stranger);
    await isLive(stranger);

    await page.getByRole("button", { name: /key and sign-out$/ }).click();
    await page.getByRole("button", { name: "Sign out everywhere" }).click();
    await page.getByText("Have you saved it?").waitFor();
    await page.getByText("npx happy auth login --force").waitFor();
    await page.getByText("the machine a new id").waitFor();
    await page.getByRole("button", { name: "Sign out everywhere" }).click();
    await page.getByRole("button", { name: "Create an account" }).waitFor();
    await second.getByText("This account was signed out everywhere").waitFor();
    await eventually("the terminal is signed out", async () => {
      expect(await terminal.statusOf("/v1/sessions")).toBe(401);
    });
    await isLive(stranger);
    for (const one of [page, second]) {
      expect(await one.evaluate("JSON.stringify({ ...sessionStorage })")).toBe("{}");
    }
    await signIn(second, code);
    await expectNoDialog(page, code);
  });

  /** Signs in again. What was open before must not be, or the next Enter would answer it. */
  async function expectNoDialog(page: Page, code: string): Promise<void> {
    await page.getByLabel("Backup code").fill(code);
    await page.keyboard.press("Enter");
    await page.getByRole("button", { name: "Pair a terminal" }).waitFor();
    await isLive(page);
    expect(await page.getByRole("dialog").count()).toBe(0);
    expect(await focused(page)).toBe("Sync");
    await page.getByRole("button", { name: /key and sign-out$/ }).press("Enter");
    await page.getByText("The account's key is on this page").waitFor();
    expect(await focused(page)).toBe("Close");
  }

  it("here leaves terminals alone, and its dialog does not come back", async () => {
    const page = await openPage();
    const code = await createAccount(page, true);
    const terminal = terminalOf();
    await pair(page, terminal);
    await page.getByRole("button", { name: /key and sign-out$/ }).click();
    await page.getByRole("button", { name: "Sign out here" }).click();
    await page.getByRole("button", { name: "Sign out", exact: true }).click();
    await page.getByRole("button", { name: "Create an account" }).waitFor();
    expect(await page.evaluate("JSON.stringify([{...localStorage}, {...sessionStorage}])")).toBe(
      "[{},{}]",
    );
    expect(await terminal.statusOf("/v1/sessions")).toBe(200);
    await expectNoDialog(page, code);
  });
});

it("npm start prints how a client gets here, to be pasted as it is", () => {
  const { worker } = stack.urls;
  expect(stack.output()).toContain(
    `export HAPPY_SERVER_URL=${worker} HAPPY_WEBAPP_URL=${worker}\n  npx happy auth login\n`,
  );
});

it("a page that lost the server says so, comes back, and shows what happened meanwhile", async () => {
  const page = await openPage();
  await createAccount(page);
  const terminal = terminalOf();
  await pair(page, terminal);
  await terminal.machine("machine-1", LAPTOP);
  const id = await terminal.session("tag-1", PROJECT);
  await row(page, "guildhub").waitFor();
  await page.context().setOffline(true);
  const { pid } = stack.file().parts["worker"] ?? {};
  if (pid === undefined) throw new Error("no worker");
  process.kill(-pid, "SIGKILL");
  await page.getByText("Nothing new has arrived since").waitFor();
  expect(await page.getByRole("status", { name: "Sync" }).textContent()).toBe("Reconnecting");
  await screenshot(page, "2-lost");
  await eventually("the worker is back", async () => {
    await terminal.messages(id, 7);
  });
  await page.context().setOffline(false);
  await isLive(page);
  await eventually("the missed messages are counted", async () => {
    const text = await row(page, "guildhub").textContent();
    expect(Number(/(\d+) message/.exec(text ?? "")?.[1])).toBeGreaterThanOrEqual(7);
  });
  expect(await page.getByText("Nothing new has arrived since").count()).toBe(0);
});

describe.each(["light", "dark"] as const)("every view of sync, %s", (colorScheme) => {
  it("fits 360 to 1280 pixels with any name, and axe finds nothing", async () => {
    const widths = colorScheme === "light" ? [360, 768, 1280] : [1280, 768, 360];
    // In the dark scheme only colours differ.
    const look = colorScheme === "dark" ? "cat.color" : undefined;
    const page = await openPage({ colorScheme });
    const sound = async (view: string): Promise<void> => {
      await expectSound(page, widths, view, look);
      await screenshot(page, `${colorScheme}-${view.replaceAll(" ", "-")}`);
    };
    await page.getByRole("button", { name: "Sign in" }).click();
    await page.getByText("This is not a whole backup code").waitFor();
    await sound("the sign-in");
    await page.getByRole("button", { name: "Create an account" }).click();
    await page.getByRole("button", { name: "Create account" }).click();
    await sound("a new account");
    await page.keyboard.press("Escape");
    const code = await createAccount(page);
    await page.getByText("No machine is here yet").waitFor();
    await sound("an empty account");

    const terminal = terminalOf(colorScheme === "light");
    await terminal.ask();
    await page.getByRole("button", { name: "Pair a terminal" }).click();
    await page.getByLabel("Link of the terminal").fill(UNBROKEN);
    await page.keyboard.press("Enter");
    await page.getByText("This is not the link of a terminal").waitFor();
    await sound("a wrong link");
    await page.getByLabel("Link of the terminal").fill(terminal.link);
    await page.keyboard.press("Enter");
    await page.getByText("Let this terminal in?").waitFor();
    await sound("a terminal");
    await page.getByRole("button", { name: "Allow", exact: true }).click();
    await terminal.letIn();
    await terminal.machine("machine-1", { host: UNBROKEN, platform: UNBROKEN });
    await terminal.machine(UNBROKEN, LAPTOP);
    await terminal.connect({ machineId: "machine-1" });
    const names = [UNBROKEN, "غرفة الأصدقاء ".repeat(7), "👩‍🚀".repeat(30), HOSTILE];
    const ids: string[] = [];
    for (const [n, name] of names.entries()) {
      const place = `/${UNBROKEN}/${n}`;
      ids.push(await terminal.session(`tag-${n}`, { name, path: place, host: UNBROKEN }));
    }
    const [first = "", ended = ""] = ids;
    await terminal.messages(first, 100);
    await terminal.archive(ended);
    const agent = await terminal.connect({ sessionId: first });
    agent.say("session-alive", { sid: first, time: Date.now(), thinking: true });
    await page.getByText("Working").waitFor();
    await page.getByRole("heading", { name: "Ended sessions" }).waitFor();
    await row(page, HOSTILE).waitFor();
    await sound("names that are hard to show");

    await page.getByRole("button", { name: /key and sign-out$/ }).click();
    await sound("the account");
    await page.getByRole("button", { name: "Sign out everywhere" }).click();
    await sound("the question before signing out");
    await page.keyboard.press("Escape");
    await page.reload();
    await page.getByRole("button", { name: "Paste the code" }).click();
    await page.getByLabel("Keep the key in this browser").check();
    await sound("encrypted names");
    await page.getByLabel("Backup code").fill(code);
    await page.keyboard.press("Enter");
    await page.getByText("Names and folders are encrypted").waitFor({ state: "detached" });
    // The button is gone, and the focus is not lost.
    expect(await focused(page)).toBe("Sync");
  });
});
