import { describe, expect, it } from "vitest";
import { mayEnd, mayInvite, maySee } from "./policy.ts";

const alice = { sub: "alice", scopes: [], discordId: "100" };
const bob = { sub: "bob", scopes: [], discordId: "200" };
const stranger = { sub: "mallory", scopes: ["rooms", "rooms:managed"], discordId: "300" };
const manager = { sub: "mod", scopes: ["openid", "rooms:manage"] };

const open = { private: false, createdBy: "alice", allowedUserIds: [], state: "open" as const };
const closed = { ...open, private: true, allowedUserIds: ["200"] };

describe("who may do what with a room", () => {
  it("shows a public room to everyone in the guild", () => {
    for (const who of [alice, bob, stranger, manager]) expect(maySee(who, open)).toBe(true);
  });

  it("shows a private room to its creator, the listed users and those who manage rooms", () => {
    expect([alice, bob, manager, stranger].map((who) => maySee(who, closed))).toEqual([
      true,
      true,
      true,
      false,
    ]);
  });

  it("does not confuse subjects, scopes and Discord ids", () => {
    expect(maySee({ sub: "200", scopes: ["200"] }, closed)).toBe(false);
    expect(maySee({ sub: "discord:200", scopes: [] }, closed)).toBe(false);
    expect(maySee({ sub: "x", scopes: [], discordId: "alice" }, closed)).toBe(false);
  });

  it("lets only the creator and those who manage rooms end a room", () => {
    expect([alice, bob, manager, stranger].map((who) => mayEnd(who, closed))).toEqual([
      true,
      false,
      true,
      false,
    ]);
  });

  it("lets those who see an open room invite to it", () => {
    expect(mayInvite(bob, closed)).toBe(true);
    expect(mayInvite(stranger, closed)).toBe(false);
    expect(mayInvite(alice, { ...open, state: "ended" })).toBe(false);
  });
});
