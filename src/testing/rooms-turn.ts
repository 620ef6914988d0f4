import { applyChange } from "../features/rooms/hub/apply-change.ts";
import { type RoomsTurn, sqlRoomsState } from "../features/rooms/hub/rooms-state.ts";
import { createRoomsTables } from "../features/rooms/hub/rooms-tables.ts";
import { changesOf } from "../gateway/guild-changes.ts";
import { createVoiceTables, type GuildVoice, sqlGuildVoice } from "../gateway/guild-voice.ts";
import type { Taken } from "../hub/extension.ts";
import { KeptObjects } from "../hub/extension-turns.ts";
import { causedBy, type IncomingEvent, type Publication } from "../hub/publisher.ts";
import { MemoryStorage } from "./memory-storage.ts";

/** The rooms of a guild with their own SQLite. The gateway passes changes to them as in a hub. */
export type RoomsWorld = {
  readonly turn: RoomsTurn;
  readonly voice: GuildVoice;
  /** Publications, oldest first. */
  readonly published: Publication[];
  /** When each task is due, milliseconds. */
  readonly tasks: Map<string, number>;
  /** Ends a turn of the test's own: writes what it has changed. */
  readonly end: () => void;
  /** Applies an event of the gateway. An event that has to wait changes nothing. */
  readonly take: (event: IncomingEvent) => Taken;
};

/** Rooms with the test's clock. The test can read what they publish and schedule. */
export function roomsWorld(guildId: string, now: () => number): RoomsWorld {
  const published: Publication[] = [];
  const tasks = new Map<string, number>();
  const hub: RoomsTurn["hub"] = {
    name: guildId,
    now,
    publish: (publication) => {
      published.push(publication);
      return { kind: "published", seq: published.length };
    },
    schedule: (key, at) => void tasks.set(key, at),
    cancel: (key) => void tasks.delete(key),
  };
  const storage = new MemoryStorage();
  const { sql } = storage;
  createVoiceTables(sql);
  createRoomsTables(sql);
  const objects = new KeptObjects(sql);
  const turn: RoomsTurn = { state: newest(() => objects.kept(sqlRoomsState)), hub };
  const voice: GuildVoice = newest(() => objects.kept(sqlGuildVoice));
  const take = (event: IncomingEvent): Taken => {
    const told = { ...hub, publish: causedBy(event, hub.publish) };
    for (const change of changesOf({ voice, hub: told }, event)) {
      const heard = applyChange({ ...turn, hub: told }, change);
      if (heard !== "done") return heard;
    }
    return "done";
  };
  return {
    turn,
    voice,
    published,
    tasks,
    end: () => objects.write(),
    take: (event) => {
      let taken: Taken = "done";
      const held = new Error("held");
      try {
        objects.write();
        storage.transactionSync(() => {
          taken = take(event);
          if (taken !== "done") throw held;
          objects.write();
        });
      } catch (error) {
        objects.forget();
        if (error !== held) throw error;
      }
      return taken;
    },
  };
}

/** An object that stands for the one that exists now. A test holds it, and a rollback replaces the other. */
function newest<T extends object>(now: () => T): T {
  return new Proxy({} as T, { get: (_, key): unknown => Reflect.get(now(), key) });
}
