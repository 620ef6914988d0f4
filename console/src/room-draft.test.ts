import { describe, expect, it } from "vitest";
import { DiscordId } from "../../src/protocol/discord-id.ts";
import {
  ROOM_ALLOWED_USERS_MAX,
  ROOM_NAME_MAX_LENGTH,
  ROOM_USER_LIMIT_MAX,
} from "../../src/protocol/limits.ts";
import { EMPTY_DRAFT, readDraft, type RoomDraft } from "./room-draft.ts";

const read = (change: Partial<RoomDraft>) => readDraft({ ...EMPTY_DRAFT, ...change });
const errors = (change: Partial<RoomDraft>) => {
  const result = read(change);
  return result.ok ? [] : Object.keys(result.errors);
};

describe("the form of a new room", () => {
  it("asks for a named room with the usual limit when nothing is filled in", () => {
    expect(read({})).toEqual({ ok: true, room: { userLimit: 4 } });
  });

  it("trims the name and reads the limit", () => {
    expect(read({ name: "  Friday night ", userLimit: " 0 " })).toEqual({
      ok: true,
      room: { name: "Friday night", userLimit: 0 },
    });
  });

  it("takes ids however they are separated, each once, and only for a private room", () => {
    const allowedUserIds = "123, 456\n789;  123";
    expect(read({ private: true, allowedUserIds })).toEqual({
      ok: true,
      room: { userLimit: 4, private: true, allowedUserIds: ["123", "456", "789"] },
    });
    expect(read({ private: false, allowedUserIds: "not an id!" })).toEqual({
      ok: true,
      room: { userLimit: 4 },
    });
  });

  it("counts a name in characters as people see them", () => {
    expect(errors({ name: "🎲".repeat(ROOM_NAME_MAX_LENGTH) })).toEqual([]);
    expect(errors({ name: "🎲".repeat(ROOM_NAME_MAX_LENGTH + 1) })).toEqual(["name"]);
  });

  it.each(["", "-1", "1.5", "four", "1e1", String(ROOM_USER_LIMIT_MAX + 1)])(
    "refuses the limit %j",
    (userLimit) => {
      expect(errors({ userLimit })).toEqual(["userLimit"]);
    },
  );

  it("takes the highest limit", () => {
    expect(errors({ userLimit: String(ROOM_USER_LIMIT_MAX) })).toEqual([]);
  });

  it("refuses too many people and names what is no id", () => {
    const ids = Array.from({ length: ROOM_ALLOWED_USERS_MAX + 1 }, (_, n) => `1${n}`);
    const full = ids.slice(1).join(" ");
    expect(errors({ private: true, allowedUserIds: full })).toEqual([]);
    expect(errors({ private: true, allowedUserIds: ids.join(" ") })).toEqual(["allowedUserIds"]);
    const bad = read({ private: true, allowedUserIds: "123 al@ce" });
    expect(!bad.ok && bad.errors.allowedUserIds).toContain("al@ce");
  });

  it("agrees with the server on what an id is", () => {
    for (const id of [
      "1",
      "a-b_c",
      "x".repeat(64),
      "x".repeat(65),
      "é",
      "a.b",
      "123456789012345678",
    ]) {
      expect(read({ private: true, allowedUserIds: id }).ok).toBe(DiscordId.safeParse(id).success);
    }
  });
});
