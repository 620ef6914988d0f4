import { describe, expect, test } from "vitest";
import { type Handover, readHandover, writeHandover } from "./handover.ts";

const handover: Handover = {
  v: 1,
  hub: "1",
  batch: false,
  identity: { sub: '50%41 é 猫 😀\n"\\', grants: ["sub:50%41 é 猫 😀"], exp: 2 },
};

describe("a handover", () => {
  test("passes a header unchanged, whatever characters a name has", () => {
    const header = writeHandover(handover);
    expect(header).toMatch(/^[\x20-\x7e]*$/);
    expect(new Headers({ a: header }).get("a")).toBe(header);
    expect(readHandover(header)).toEqual(handover);
  });

  test("is read by a hub of the version before, and a Worker of that version is understood", () => {
    const before = encodeURIComponent(JSON.stringify({ ...handover, guildId: "1" }));
    expect(readHandover(before)).toEqual(handover);
    expect(decodeURIComponent(writeHandover(handover))).toBe(writeHandover(handover));
  });

  test("without a user is none: the client comes back, and finds a newer Worker", () => {
    const { identity: _, ...nobody } = handover;
    expect(readHandover(JSON.stringify(nobody))).toBeNull();
  });

  test.each([null, "", "%", "{", "[]", '{"v":2}'])("%s is none", (header) => {
    expect(readHandover(header)).toBeNull();
  });
});
