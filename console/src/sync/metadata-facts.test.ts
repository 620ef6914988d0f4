import { describe, expect, it } from "vitest";
import { folderIn, machineFacts, sessionFacts } from "./metadata-facts.ts";

const NOTHING_SAID = { name: null, host: null, platform: null, home: null };

describe("what a machine says of itself", () => {
  it.each([
    [
      { host: "laptop", platform: "darwin" },
      { name: "laptop", host: null, platform: "macOS", home: null },
    ],
    [
      { host: "laptop", displayName: "Work", homeDir: "/home/ada" },
      { name: "Work", host: "laptop", platform: null, home: "/home/ada" },
    ],
    [
      { host: "x", platform: "plan9" },
      { name: "x", host: null, platform: "plan9", home: null },
    ],
    [{ host: "a\u202Eb\nc" }, { name: "ab c", host: null, platform: null, home: null }],
    [{ host: 5, platform: [], homeDir: {} }, NOTHING_SAID],
    [null, NOTHING_SAID],
    ["text", NOTHING_SAID],
  ])("%j", (metadata, facts) => {
    expect(machineFacts(metadata)).toEqual(facts);
  });
});

describe("what a session says of itself", () => {
  const home = "/home/ada";

  it.each([
    [{ path: "/home/ada/code/app", homeDir: home }, "~/code/app"],
    [{ path: "/home/ada", homeDir: home }, "~"],
    [{ path: "/home/adam/app", homeDir: home }, "/home/adam/app"],
    [{ path: String.raw`C:\Users\ada\app`, homeDir: String.raw`C:\Users\ada` }, String.raw`~\app`],
    [{ path: "/srv/app" }, "/srv/app"],
    [{}, null],
  ])("is in the folder of %j", (metadata, path) => {
    expect(sessionFacts(metadata).path).toBe(path);
  });

  it("is called by its summary, then by its name", () => {
    expect(sessionFacts({ summary: { text: "Fix it", updatedAt: 1 }, name: "x" }).title).toBe(
      "Fix it",
    );
    expect(sessionFacts({ summary: { text: " " }, name: "x", host: "h" })).toEqual({
      title: "x",
      path: null,
      host: "h",
    });
    expect(sessionFacts({ summary: "x".repeat(900) }).title).toBeNull();
    expect(sessionFacts({ name: "x".repeat(900) }).title).toHaveLength(120);
  });
});

it.each([
  ["~/code/app", "app"],
  ["/srv/app/", "app"],
  [String.raw`C:\Users\ada\app`, "app"],
  ["/", "/"],
  ["~", "~"],
])("the folder in %s is %s", (path, folder) => {
  expect(folderIn(path)).toBe(folder);
});
