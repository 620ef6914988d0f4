import { afterEach, describe, expect, it, vi } from "vitest";
import { discordText } from "./discord-text.ts";
import { LocalDiscord } from "./local-discord.ts";
import { isUntold, LocalFaceit, nextStatus } from "./local-faceit.ts";

/** The requests as method, path and body; `answer` answers each of them. */
function services(answer: (path: string) => Response): string[] {
  const asked: string[] = [];
  vi.stubGlobal("fetch", async (url: string, init: RequestInit = {}) => {
    const path = new URL(url).pathname;
    const body = typeof init.body === "string" ? init.body : "";
    asked.push(`${init.method ?? "GET"} ${path} ${body}`.trim());
    return answer(path);
  });
  return asked;
}
const json = (body: unknown, status = 200): Response => Response.json(body, { status });
const match = (matchId: string, status: string): unknown => ({
  matchId,
  status,
  competition: { name: "Nordic Night Hub" },
});

afterEach(() => vi.unstubAllGlobals());

describe("the local FACEIT", () => {
  it("lists matches that are not over, newest first, and advances a match", async () => {
    const matches = [match("1-a", "READY"), match("1-b", "ABORTED"), match("1-c", "CHECK_IN"), {}];
    const asked = services(() => json({ matches }));
    const faceit = new LocalFaceit("http://127.0.0.1:8791/");
    await faceit.progress("1-a", "ONGOING");
    expect(asked).toEqual([
      'POST /_control/matches/1-a/status {"status":"ONGOING"}',
      "GET /_control/state",
    ]);
    expect(faceit.matches.value).toEqual([
      { matchId: "1-c", status: "CHECK_IN", competition: "Nordic Night Hub" },
      { matchId: "1-a", status: "READY", competition: "Nordic Night Hub" },
    ]);
  });

  it("shows why a call failed, until one works", async () => {
    services((path) =>
      path.endsWith("/state") ? json({}) : json({ error: "there is no such match" }, 404),
    );
    const faceit = new LocalFaceit("http://127.0.0.1:8791");
    await faceit.progress("1-a", "READY");
    expect(faceit.problem.value).toBe("there is no such match");
    await faceit.refresh();
    expect(faceit.problem.value).toBe("");
    vi.stubGlobal("fetch", () => Promise.reject(new TypeError("Failed to fetch")));
    await faceit.start();
    expect(faceit.problem.value).toBe("The local FACEIT can't be reached.");
  });

  it("knows which steps FACEIT sends no webhook of", () => {
    expect(["CHECK_IN", "voting", "CONFIGURING", "READY", "ONGOING"].filter(isUntold)).toEqual([
      "voting",
      "ONGOING",
    ]);
  });

  it("knows the order of the statuses", () => {
    expect(["CHECK_IN", "VOTING", "CONFIGURING", "READY", "ONGOING"].map(nextStatus)).toEqual([
      "VOTING",
      "CONFIGURING",
      "READY",
      "ONGOING",
      null,
    ]);
    expect(["SCHEDULED", "CREATED"].map(nextStatus)).toEqual(["CHECK_IN", "CHECK_IN"]);
  });
});

describe("a slash command in the local Discord", () => {
  const discord = new LocalDiscord("http://127.0.0.1:8789", "g");

  it("is answered with a text and buttons", async () => {
    const button = { label: "Link FACEIT", url: "http://127.0.0.1:8787/faceit/link?state=s" };
    const asked = services(() => json({ status: 200, content: "Press it.", buttons: [button] }));
    expect(await discord.command("301", "link")).toEqual({
      ok: true,
      content: "Press it.",
      buttons: [button],
    });
    expect(asked).toEqual([
      'POST /_control/interactions {"userId":"301","command":"link","options":{}}',
    ]);
  });

  it.each([
    [{ status: 200, content: "<@301> is **aurora_one** at FACEIT.", buttons: [] }, true],
    [{ status: 200, content: "<@301> is not linked to FACEIT.", buttons: [] }, false],
    [{ status: 401, content: null, buttons: [] }, false],
  ])("tells whether somebody is linked: %j", async (answer, linked) => {
    const asked = services(() => json(answer));
    expect((await discord.linkOf("301"))?.content).toBe(linked ? answer.content : undefined);
    expect(asked).toEqual([
      'POST /_control/interactions {"userId":"301","command":"whois","options":{"user":"301"}}',
    ]);
  });

  it("has only web links", async () => {
    const buttons = [
      { label: "Script", url: "javascript:alert(1)" },
      { label: "Elsewhere", url: "http://elsewhere.test/" },
      { label: 1, url: "https://faceit.com" },
      "button",
    ];
    services(() => json({ status: 200, content: "", buttons }));
    expect((await discord.command("301", "whois", { user: "301" })).buttons).toEqual([]);
  });

  it.each([
    [() => json({ status: 401, content: null, buttons: [] }), /bot did not answer.*401/],
    [() => json({ error: "userId: there is no such user" }, 400), /no such user/],
    [() => new Response("oops", { status: 502 }), /answered 502/],
  ])("that fails says why (%#)", async (answer, words) => {
    services(answer);
    const reply = await discord.command("301", "link");
    expect(reply).toMatchObject({ ok: false, buttons: [] });
    expect(reply.content).toMatch(words);
  });
});

describe("a message of the bot", () => {
  const shown = (content: string) => discordText(content, (id) => (id === "301" ? "Player 1" : id));

  it("is shown as plain text", () => {
    expect(shown("<@301> is **aurora\\_one** at FACEIT. `/unlink` undoes it.")).toBe(
      "Player 1 is aurora_one at FACEIT. /unlink undoes it.",
    );
    expect(shown("Since <t:1764000000:D>.")).toMatch(/^Since .*2025.*\.$/);
  });

  it("leaves names that somebody chose unchanged", () => {
    expect(shown(String.raw`\*\*bold\*\* \<\@301\> \\ <b>`)).toBe("**bold** <@301> \\ <b>");
  });
});
