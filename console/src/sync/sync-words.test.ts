import { describe, expect, it } from "vitest";
import { failureOf, UNREACHABLE } from "../../../src/client/problem.ts";
import { applyLists, NOTHING, type SessionView } from "./account-state.ts";
import type { Opened } from "./opened-metadata.ts";
import {
  accountAside,
  accountName,
  fingerprint,
  lastActivity,
  liveStatus,
  liveTrouble,
  machineName,
  notLetInInWords,
  sessionName,
  sessionStatus,
  shortId,
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
});
const session = (id: string, active: boolean, thinking = false): SessionView => ({
  ...item(id, active),
  seq: 0,
  createdAt: NOW,
  thinking,
});

describe("names", () => {
  const id = "01JDTKQ4ZXAB12CD";

  it("are those of the metadata", () => {
    expect(machineName({ id }, open({ host: "laptop", platform: "linux" }))).toEqual({
      name: "laptop",
      more: "Linux",
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

  it.each<[Opened, string]>([
    [LOCKED, "Encrypted"],
    [{ kind: "opening" }, ""],
    [{ kind: "unreadable" }, "Encrypted with another key"],
    [open({}), "Without a name"],
  ])("are the ends of ids otherwise: %j", (opened, more) => {
    expect(machineName({ id }, opened)).toEqual({ name: "Machine …AB12CD", more, sealed: true });
    expect(sessionName({ id }, opened)).toEqual({ name: "Session …AB12CD", more, sealed: true });
  });

  it("of short ids are whole", () => {
    expect(shortId("m1")).toBe("m1");
  });
});

it.each([
  [true, 5_000, "active now"],
  [false, 5_000, "just now"],
  [true, 180_000, "3 min ago"],
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
  expect(sessionStatus(one).text).toBe(words);
});

describe("beside the heading", () => {
  it("machines and sessions are counted", () => {
    const machines = [item("m1", true), item("m2", false)];
    const sessions = [session("s1", true), session("s2", false)];
    expect(accountAside(NOTHING)).toBe("");
    expect(accountAside(applyLists(NOTHING, [], []))).toBe("");
    expect(accountAside(applyLists(NOTHING, machines, sessions))).toBe(
      "1 of 2 machines online, 1 session running",
    );
    expect(accountAside(applyLists(NOTHING, [], sessions))).toBe("1 session running");
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
  expect(fingerprint(Uint8Array.from([1, 2, 3, 4, 5, 6]), 3)).toBe("0102 0304 0506");
});

it("a terminal that is gone is no fault of the server", () => {
  const origin = "https://hub.test";
  expect(notLetInInWords(failureOf(404, null, undefined), origin)).toContain(origin);
  expect(notLetInInWords(UNREACHABLE, origin)).toBe(UNREACHABLE.message);
});
