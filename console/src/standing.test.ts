import { describe, expect, it } from "vitest";
import type { GatewayView } from "../../src/client/guild-view.ts";
import { failureOf } from "../../src/client/problem.ts";
import type { ConnectionState } from "../../src/client/stream-item.ts";
import { standingOf, type Tone } from "./standing.ts";
import { moment } from "./time-words.ts";

const live = (over: "websocket" | "http"): ConnectionState => ({ kind: "live", since: 0, over });
const gateway = (state: GatewayView["state"]): GatewayView => ({ state, since: 0 });
const LOST_AT = Date.now();
const since = moment(LOST_AT);

const DEAD: readonly ConnectionState[] = [
  { kind: "connecting" },
  { kind: "waiting", until: 1, why: "Cut." },
  { kind: "waiting", until: 1, why: "Cut.", offline: true },
  { kind: "signed-out" },
  { kind: "stopped", why: "Come back later." },
];

describe("both connections together", () => {
  it.each(DEAD)("say nothing about Discord while the stream is down: %j", (state) => {
    const { discord, trouble } = standingOf(state, gateway("connected"), LOST_AT);
    expect(discord).toMatchObject({ tone: "quiet", text: "Not known" });
    expect(trouble?.text).toContain(`Nothing new has arrived since ${since}.`);
  });

  it.each(DEAD)("do not call a connection lost that never existed: %j", (state) => {
    const { stream, trouble } = standingOf(state, null, "never live");
    expect(trouble?.text).toContain("There is no connection yet.");
    expect(`${stream.text} ${trouble?.text}`).not.toMatch(/lost|since|missed|reconnecting/i);
  });

  it("explain without technical terms why access is refused", () => {
    const why = "Your token's guilds claim does not list this guild.";
    const failure = failureOf(403, null, { code: "forbidden_guild", message: why });
    const { stream, trouble } = standingOf({ kind: "stopped", why, failure }, null, "never live");
    for (const text of [stream.more, trouble?.text]) {
      expect(text).toContain("You are not a member of this server.");
      expect(text).not.toContain("claim");
    }
  });

  it("have no trouble before anything was lost", () => {
    expect(standingOf({ kind: "connecting" }, null, null).trouble).toBeNull();
  });

  it.each<[ConnectionState, Tone, string]>([
    [{ kind: "connecting" }, "busy", "Connecting"],
    [live("websocket"), "good", "Live"],
    [live("http"), "good", "Live over HTTP"],
    [{ kind: "waiting", until: 1, why: "Cut." }, "busy", "Reconnecting"],
    [{ kind: "waiting", until: 1, why: "Cut.", offline: true }, "busy", "Offline"],
    [{ kind: "signed-out" }, "bad", "Signed out"],
    [{ kind: "stopped", why: "Closed." }, "bad", "Stopped"],
  ])("say of the stream %j", (state, tone, text) => {
    expect(standingOf(state, null, LOST_AT).stream).toMatchObject({ tone, text });
  });

  it("offer the action that helps", () => {
    const actions = DEAD.map((state) => standingOf(state, null, LOST_AT).trouble?.action);
    expect(actions).toEqual([null, "reconnect", null, "sign-in", "reconnect"]);
    expect(standingOf(DEAD[4] ?? { kind: "connecting" }, null, LOST_AT).trouble?.text).toMatch(
      /Come back later\.$/,
    );
  });

  it.each<[GatewayView["state"], Tone, string]>([
    ["connected", "good", "Connected"],
    ["resuming", "busy", "Reconnecting"],
    ["down", "bad", "Not connected"],
  ])("say of Discord %s, while the stream lives", (state, tone, text) => {
    const standing = standingOf(live("websocket"), gateway(state), null);
    expect(standing.discord).toMatchObject({ tone, text, more: `Since ${moment(0)}` });
    expect(standing.trouble === null).toBe(state !== "down");
  });

  it("say since when Discord is disconnected, and when there was no report", () => {
    const { trouble } = standingOf(live("http"), gateway("down"), null);
    expect(trouble?.text).toContain(`since ${moment(0)}`);
    expect(standingOf(live("http"), null, null).discord.text).toBe("Not known");
  });
});
