import * as fc from "fast-check";
import { expect, it } from "vitest";
import { ROOM_NAME_MAX_LENGTH } from "../../protocol/limits.ts";
import { roomName, roomNameFromDiscord } from "./room-name.ts";

it("keeps a good name, trimmed", () => {
  expect(roomName("  Friday night ", "spell-coven", 7)).toBe("Friday night");
});

it("removes invisible characters and those that change the direction of text", () => {
  expect(roomName("a\0b\u202ec\u0007", "p", 1)).toBe("a bc");
  expect(roomName("\0\u200b\u202e\u200d", "p", 1)).toBe("p-1");
  expect(roomName("👩‍💻 dev", "p", 1)).toBe("👩‍💻 dev");
});

it("generates a name when there is none", () => {
  for (const none of [undefined, "", "   ", "\n\t"]) {
    expect(roomName(none, "spell-coven", 1730)).toBe("spell-coven-1730");
  }
});

it("cuts a name that is one character too long, and never inside a character", () => {
  expect(roomName("x".repeat(ROOM_NAME_MAX_LENGTH + 1), "p", 1)).toHaveLength(ROOM_NAME_MAX_LENGTH);
  const stars = roomName("⭐🎲".repeat(80), "p", 1);
  expect(Array.from(stars)).toHaveLength(ROOM_NAME_MAX_LENGTH);
  expect(stars.isWellFormed()).toBe(true);
});

it("cleans a name from Discord by the same rules, and keeps the room's name when nothing visible is left", () => {
  const room = { id: "01K", channelId: "7", name: "Raid" };
  expect(roomNameFromDiscord("\u202Egnp.exe\u2066 \0", room)).toBe("gnp.exe");
  expect(roomNameFromDiscord("x".repeat(ROOM_NAME_MAX_LENGTH + 1), room)).toHaveLength(
    ROOM_NAME_MAX_LENGTH,
  );
  expect(roomNameFromDiscord("\u200B\u2800", room)).toBe("Raid");
  // The room's name may be older than these rules.
  expect(roomNameFromDiscord("\u200B", { ...room, name: "\u202ERaid" })).toBe("Raid");
  expect(roomNameFromDiscord("\u200B", { ...room, name: "\u200B" })).toBe("7");
  expect(roomNameFromDiscord("\u200B", { id: "01K", channelId: null, name: "" })).toBe("01K");
});

it("always gives a name that Discord accepts", () => {
  fc.assert(
    fc.property(fc.string({ unit: "grapheme", maxLength: 300 }), (asked) => {
      const name = roomName(asked, "p", 1);
      expect(Array.from(name).length).toBeGreaterThan(0);
      expect(Array.from(name).length).toBeLessThanOrEqual(ROOM_NAME_MAX_LENGTH);
      expect(name.trim()).toBe(name);
    }),
  );
});
