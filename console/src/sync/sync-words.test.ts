import { describe, expect, it } from "vitest";
import { moment } from "../time-words.ts";
import { failureOf, UNREACHABLE } from "../../../src/client/problem.ts";
import { applyLists, NOTHING, type SessionView } from "./account-state.ts";
import type { Opened } from "./opened-metadata.ts";
import {
  accountAside,
  accountName,
  lastActivity,
  liveStatus,
  liveTrouble,
  machineInWords,
  machineName,
  machineStatus,
  notFoundInWords,
  notLetInInWords,
  sessionName,
  sessionStatus,
  shortId,
  terminalKeyStart,
} from "./sync-words.ts";

const NOW = 1_800_000_000_000;
const open = (metadata: unknown): Opened => ({ kind: "open", metadata });
const LOCKED: Opened = { kind: "locked" };

const item = (id: string, active: boolean) => ({
  id,
  metadata: "",
  metadataVersion: 1,
  dataEncryptionKey: null,
  active,
  activeAt: NOW,
  createdAt: NOW,
});
const session = (id: string, active: boolean, thinking = false): SessionView => ({
  ...item(id, active),
  seq: 0,
  thinking,
});

describe("names", () => {
  const id = "01JDTKQ4ZXAB12CD";
  const machine = { id, createdAt: NOW };
  const added = `added ${moment(NOW)}`;

  it("are those of the metadata", () => {
    expect(machineName(machine, open({ host: "laptop", platform: "linux" }))).toEqual({
      name: "laptop",
      more: `Linux · …AB12CD · ${added}`,
      sealed: false,
    });
    const metadata = { path: "/home/ada/app", homeDir: "/home/ada", host: "laptop" };
    expect(sessionName({ id }, open(metadata))).toEqual({
      name: "app",
      more: "~/app · laptop",
      sealed: false,
    });
    const titled = sessionName({ id }, open({ ...metadata, summary: { text: "Fix the tests" } }));
    expect(titled.name).toBe("Fix the tests");
  });

  it("of machines come with what tells them from others", () => {
    const more = (metadata: object, of = machine): string => machineName(of, open(metadata)).more;
    const host = { host: "vm", platform: "linux" };
    const named = { ...host, displayName: "Build", homeDir: "/home/ada" };
    expect(more(named)).toBe(`vm · Linux · …AB12CD · ${added} · /home/ada`);
    const other = { id: "01JDTKQ4ZXAB12CE", createdAt: NOW + 86_400_000 };
    expect(more(host, other)).toBe(`Linux · …AB12CE · added ${moment(other.createdAt)}`);
    const words = [open(host), LOCKED].map((one) => machineInWords(machineName(machine, one), id));
    expect(words).toEqual(["vm (…AB12CD)", "Machine …AB12CD"]);
  });

  it.each<[Opened, string]>([
    [LOCKED, "Encrypted"],
    [{ kind: "opening" }, ""],
    [{ kind: "unreadable" }, "Encrypted with another key"],
    [open({}), "Without a name"],
  ])("are the ends of ids otherwise: %j", (opened, more) => {
    expect(machineName(machine, opened)).toEqual({
      name: "Machine …AB12CD",
      more: more === "" ? added : `${more} · ${added}`,
      sealed: true,
    });
    expect(sessionName({ id }, opened)).toEqual({ name: "Session …AB12CD", more, sealed: true });
  });

  it("of short ids are whole", () => {
    expect(shortId("m1")).toBe("m1");
  });
});

it.each([
  [true, 5_000, "active now"],
  [false, 5_000, "just now"],
  [true, 59_999, "active now"],
  [true, 60_000, "last seen 1 min ago"],
  [true, 180_000, "last seen 3 min ago"],
  [false, 7_200_000, "2 h ago"],
  [true, -5_000, "active now"],
])("active %s, heard of %d ms ago: %s", (active, ago, words) => {
  expect(lastActivity(active, NOW - ago, NOW)).toBe(words);
});

it.each([
  [session("s", false, true), "Ended"],
  [session("s", true, true), "Working"],
  [session("s", true), "Running"],
])("%#: a session's status", (one, words) => {
  expect(sessionStatus(one, NOW).text).toBe(words);
});

it("nothing is claimed of what was not heard of for a minute, but an end stays an end", () => {
  for (const [ago, words] of [
    [59_999, ["Working", "Online", "Ended", "Offline"]],
    [60_000, ["No news", "No news", "Ended", "Offline"]],
  ] as const) {
    const now = NOW + ago;
    expect([
      sessionStatus(session("s", true, true), now).text,
      machineStatus(item("m", true), now).text,
      sessionStatus(session("s", false), now).text,
      machineStatus(item("m", false), now).text,
    ]).toEqual(words);
  }
});

describe("beside the heading", () => {
  it("machines and sessions are counted", () => {
    const machines = [item("m1", true), item("m2", false)];
    const sessions = [session("s1", true), session("s2", false)];
    expect(accountAside(NOTHING, NOW)).toBe("");
    expect(accountAside(applyLists(NOTHING, [], []), NOW)).toBe("");
    const both = applyLists(NOTHING, machines, sessions);
    expect(accountAside(both, NOW)).toBe("1 of 2 machines online, 1 session running");
    expect(accountAside(both, NOW + 60_000)).toBe("0 of 2 machines online, 0 sessions running");
    expect(accountAside(applyLists(NOTHING, [], sessions), NOW)).toBe("1 session running");
  });
});

describe("the connection", () => {
  const waiting = { kind: "waiting", failure: UNREACHABLE } as const;

  it("is live, or being made, or being made again", () => {
    expect(liveStatus({ kind: "live", since: NOW }, null).text).toBe("Live");
    expect(liveStatus({ kind: "connecting" }, null).text).toBe("Connecting");
    expect(liveStatus(waiting, NOW).text).toBe("Reconnecting");
    expect(liveStatus({ kind: "signed-out" }, null).text).toBe("Signed out");
  });

  it("is explained when it fails", () => {
    expect(liveTrouble({ kind: "live", since: NOW }, null)).toBe("");
    expect(liveTrouble({ kind: "connecting" }, null)).toBe("");
    expect(liveTrouble(waiting, null)).toMatch(/^There is no connection yet\. The server can't be/);
    expect(liveTrouble({ kind: "connecting" }, NOW)).toMatch(/^Nothing new has arrived since/);
  });
});

it("an account is known by the beginning of its key", () => {
  expect(accountName("ebVWLo/mVPlAeLES6KmLp5AfhTrmlb7X4OORC60ElmQ=")).toBe("Account 79b5 562e");
});

it("a terminal's key is shown as its link has it", () => {
  const link = "happy://terminal?hKVaWexi-_0123456789abcdefghijklmnopqrstuvwxyz";
  const key = Uint8Array.from(Buffer.from(link.split("?")[1] ?? "", "base64url"));
  expect(terminalKeyStart(key)).toBe("hKVaWexi-_01…");
});

it("a terminal that stopped asking is forgotten in time, however old its link is", () => {
  expect(notFoundInWords("unknown", "https://hub.test")).toContain(
    "One that stops waiting is forgotten within 15 minutes.",
  );
});

it("a terminal that is gone is no fault of the server", () => {
  const origin = "https://hub.test";
  expect(notLetInInWords(failureOf(404, null, undefined), origin)).toContain(origin);
  expect(notLetInInWords(UNREACHABLE, origin)).toBe(UNREACHABLE.message);
});
