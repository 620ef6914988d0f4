import { describe, expect, it } from "vitest";
import { MATCH_ID } from "../../../testing/faceit-matches.ts";
import { channelName, MATCH_CHANNEL_NAME } from "./channel-name.ts";

describe("the name of a match's channel", () => {
  it("is the beginning of FACEIT's id, and longer when another match has that name", () => {
    expect(channelName(MATCH_ID, "faction1", 0)).toBe("match-7c1f0a52-faction1");
    expect(channelName(MATCH_ID, "faction2", 1)).toBe("match-7c1f0a524b1e-faction2");
  });

  it("changes each time the one before was taken", () => {
    const names = [0, 1, 2, 3, 4].map((taken) => channelName(MATCH_ID, "faction1", taken));
    expect(new Set(names).size).toBe(5);
  });

  it.each([
    ["1234-7c1f0a52-4b1e-4d0e-9a34-2f6d5b8e1c90", "match-7c1f0a524b1e-faction1"],
    ["7c1f0a52-4b1e-4d0e-9a34-2f6d5b8e1c90", "match-7c1f0a524b1e-faction1"],
    ["1-7C1F0A52-4B1E-4D0E-9A34-2F6D5B8E1C90", "match-7c1f0a524b1e-faction1"],
  ])("leaves out of %s what all ids have in common", (id, name) => {
    expect(channelName(id, "faction1", 1)).toBe(name);
  });

  // The digits of the last two begin with zeros.
  it.each(["z7c1f0a524b1e4d0e9a342f6d5b8e1c90", "1-x", "", "1-m31674", "1-m198185"])(
    "has all its digits where the id '%s' is no UUID",
    (id) => {
      expect(channelName(id, "faction1", 0)).toMatch(MATCH_CHANNEL_NAME);
      expect(channelName(id, "faction1", 1)).toMatch(MATCH_CHANNEL_NAME);
    },
  );

  it("uses all digits of ids that are not UUIDs", () => {
    const ends = ["1-x", "1-y", "1-z"].map((id) => channelName(id, "faction1", 1).slice(14, 18));
    expect(new Set(ends).size).toBe(3);
  });

  it.each(["my-match-7c1f0a52-faction1", "match-7c1f0a52-faction1-b", "match-7c1f-faction1"])(
    "is not %s: the sweep leaves what people named alone",
    (name) => {
      expect(name).not.toMatch(MATCH_CHANNEL_NAME);
    },
  );
});
