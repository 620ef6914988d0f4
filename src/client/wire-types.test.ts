import { describe, expect, expectTypeOf, it } from "vitest";
import type { z } from "zod";
import { MATCH_EVENTS } from "../protocol/events/matches.ts";
import { GATEWAY_EVENTS, ROOM_EVENTS } from "../protocol/events/rooms.ts";
import type * as wire from "../protocol/frames.ts";
import type * as wireMatch from "../protocol/match.ts";
import type * as wireRoom from "../protocol/room.ts";
import { type EventPayloads, isGuildEvent } from "./guild-event.ts";
import type { Faction, Match, MatchPlayer, MatchSide, Room, RoomMember } from "./resources.ts";
import type { ServerFrame } from "./server-frame.ts";
import type { Presence, Snapshot, SnapshotReason } from "./stream-item.ts";

/** The type with everything readonly, as the client hands values on. */
type Frozen<T> = T extends readonly (infer Item)[]
  ? readonly Frozen<Item>[]
  : T extends object
    ? { readonly [Key in keyof T]: Frozen<T[Key]> }
    : T;

type Definition = (typeof ROOM_EVENTS | typeof GATEWAY_EVENTS | typeof MATCH_EVENTS)[number];
type Registered = {
  readonly [Each in Definition as Each["name"]]: Frozen<z.infer<Each["payload"]>>;
};

/** `tsc` checks it, not the run: the types of the package equal the schemas of the wire. */
describe("the types of the package", () => {
  it("equal those of the registry", () => {
    // The names first: an error here says which event is missing.
    expectTypeOf<keyof EventPayloads>().toEqualTypeOf<keyof Registered>();
    expectTypeOf<EventPayloads>().toEqualTypeOf<Registered>();
  });

  it("equal those of rooms, matches and snapshots", () => {
    expectTypeOf<Room>().toEqualTypeOf<Frozen<wireRoom.Room>>();
    expectTypeOf<RoomMember>().toEqualTypeOf<Frozen<wireRoom.RoomMember>>();
    expectTypeOf<Faction>().toEqualTypeOf<wireMatch.Faction>();
    expectTypeOf<Match>().toEqualTypeOf<Frozen<wireMatch.Match>>();
    expectTypeOf<MatchPlayer>().toEqualTypeOf<Frozen<wireMatch.MatchPlayer>>();
    expectTypeOf<MatchSide>().toEqualTypeOf<Frozen<wireMatch.MatchSide>>();
    expectTypeOf<Presence>().toEqualTypeOf<Frozen<wire.Presence>>();
    expectTypeOf<SnapshotReason>().toEqualTypeOf<wire.SnapshotReason>();
    expectTypeOf<Frozen<z.infer<typeof wire.SnapshotFrame>>>().toExtend<Snapshot>();
  });

  it("include every frame that the server sends", () => {
    type Sent = wire.ServerFrame["type"];
    expectTypeOf<Exclude<Sent, ServerFrame["type"]>>().toEqualTypeOf<never>();
    expectTypeOf<Frozen<z.infer<typeof wire.AuthOkFrame>>>().toExtend<ServerFrame>();
    expectTypeOf<Frozen<z.infer<typeof wire.ResumedFrame>>>().toExtend<ServerFrame>();
    expectTypeOf<z.infer<typeof wire.SignalFrame>>().toExtend<ServerFrame>();
    expectTypeOf<z.infer<typeof wire.ErrorFrame>>().toExtend<ServerFrame>();
  });
});

describe("the known events", () => {
  it("are all registered events", () => {
    expect(
      [...ROOM_EVENTS, ...GATEWAY_EVENTS, ...MATCH_EVENTS].filter(
        ({ name }) => !isGuildEvent({ event: name }),
      ),
    ).toEqual([]);
  });

  it("do not include events of a later version", () => {
    expect(isGuildEvent({ event: "match.started" })).toBe(false);
    expect(isGuildEvent({ event: "toString" })).toBe(false);
  });
});
