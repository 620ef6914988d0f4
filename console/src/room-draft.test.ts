import { describe, expect, it } from "vitest";
import { DiscordId } from "../../src/protocol/discord-id.ts";
import {
  ROOM_ALLOWED_USERS_MAX,
  ROOM_NAME_MAX_LENGTH,
  ROOM_USER_LIMIT_MAX,
} from "../../src/protocol/limits.ts";
import {
  changedFields,
  EMPTY_DRAFT,
  idsIn,
  ownRoomName,
  readDraft,
  refusedFields,
  type RoomDraft,
} from "./room-draft.ts";

const read = (change: Partial<RoomDraft>) => readDraft({ ...EMPTY_DRAFT, ...change }, "dora");
const errors = (change: Partial<RoomDraft>) => {
  const result = read(change);
  return result.ok ? [] : Object.keys(result.errors);
};

describe("the form of a new room", () => {
  it("asks for a room of one's own with the usual limit when nothing is filled in", () => {
    const room = { name: "dora's room", userLimit: 4 };
    expect([read({}), read({ name: "  " })]).toEqual([
      { ok: true, room },
      { ok: true, room },
    ]);
  });

  it("cuts a person's long name, so that the room's name is not too long", () => {
    const longest = "👩🏽‍🚀".repeat(ROOM_NAME_MAX_LENGTH);
    const name = ownRoomName(longest);
    expect(Array.from(name)).toHaveLength(ROOM_NAME_MAX_LENGTH);
    expect(name).toMatch(/'s room$/);
    expect(readDraft(EMPTY_DRAFT, longest)).toMatchObject({ ok: true, room: { name } });
  });

  it("trims the name and reads the limit", () => {
    expect(read({ name: "  Friday night ", userLimit: " 0 " })).toEqual({
      ok: true,
      room: { name: "Friday night", userLimit: 0 },
    });
  });

  it("takes picked people and typed ids, each once, and only for a private room", () => {
    const people = { allowedUserIds: ["123"], typed: " 456\n789;  123" };
    expect(read({ private: true, ...people })).toEqual({
      ok: true,
      room: {
        name: "dora's room",
        userLimit: 4,
        private: true,
        allowedUserIds: ["123", "456", "789"],
      },
    });
    expect(read({ private: false, ...people, typed: "half a name" })).toEqual({
      ok: true,
      room: { name: "dora's room", userLimit: 4 },
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

  it("refuses too many people, and half a name that is not a person yet", () => {
    const ids = Array.from({ length: ROOM_ALLOWED_USERS_MAX + 1 }, (_, n) => `1${n}`);
    expect(errors({ private: true, allowedUserIds: ids.slice(1) })).toEqual([]);
    expect(errors({ private: true, allowedUserIds: ids })).toEqual(["allowedUserIds"]);
    const bad = read({ private: true, typed: "123 al@ce" });
    expect(!bad.ok && bad.errors.allowedUserIds).toContain("“123 al@ce” is nobody yet");
  });

  it("asks for nothing that the server refuses", () => {
    for (const typed of ["1", "a-b_c", "9".repeat(22), "9".repeat(23), "é", "123456789012345678"]) {
      const asked = read({ private: true, typed });
      if (asked.ok) expect(DiscordId.safeParse(typed).success).toBe(true);
    }
    expect(read({ private: true, typed: "123456789012345678" }).ok).toBe(true);
  });
});

it("typing a name in the picker touches no field, picking a person does", () => {
  const draft = { ...EMPTY_DRAFT, private: true, allowedUserIds: ["1"] };
  const { allowedUserIds } = draft;
  expect(changedFields(draft, { allowedUserIds, typed: "gr" })).toEqual([]);
  expect(changedFields(draft, { allowedUserIds: ["1", "2"], typed: "" })).toEqual([
    "allowedUserIds",
  ]);
  expect(changedFields(draft, { userLimit: "400" })).toEqual(["userLimit"]);
});

it("what the server refuses is shown at its field, without technical terms", () => {
  const refused = refusedFields(["allowedUserIds", "parentId", "toString"]);
  expect(Object.keys(refused)).toEqual(["allowedUserIds"]);
  expect(refused.allowedUserIds).toMatch(/not the Discord id of a person/);
});

describe("a text that is pasted", () => {
  it("counts as people if it contains only ids", () => {
    expect(idsIn(" 123456789012345678,\n223456789012345678; ")).toEqual([
      "123456789012345678",
      "223456789012345678",
    ]);
    for (const text of ["", "alice", "123 alice", "<@123>"]) expect(idsIn(text)).toEqual([]);
  });
});
