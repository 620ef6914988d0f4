import { GuildChanged } from "../../gateway/guild-changes.ts";
import { handlersWith } from "../../hub/command.ts";
import type { HubEnv } from "../../hub/env.ts";
import type { CommandHandler, HubContext, HubExtension, HubTurn } from "../../hub/extension.ts";
import type { Room } from "../../protocol/room.ts";
import { ROOMS_COMMANDS } from "./hub-commands.ts";
import { applyChange } from "./hub/apply-change.ts";
import { giveUpRoom, openRoom, watchCreation } from "./hub/creation.ts";
import { sweepPeople } from "./hub/people.ts";
import { changeRoom } from "./hub/room-changes.ts";
import {
  REPAIR_ABANDONED,
  REPAIR_IN_DOUBT,
  checkRoom,
  copyRoom,
  endHere,
  endIdleRoom,
  forgetRoom,
  repairCreation,
  settleCreation,
  tryCopyRoom,
  type RoomsContext,
} from "./hub/room-tasks.ts";
import { type RoomsState, type RoomsTurn, sqlRoomsState } from "./hub/rooms-state.ts";
import { createRoomsTables } from "./hub/rooms-tables.ts";
import type { RoomTaskPorts } from "./ports.ts";
import { audienceOf, toRoom, type Member } from "./room-record.ts";

/** The handlers of {@link ROOMS_COMMANDS}. Each is safe to repeat. */
const commandsOf = (contextOf: (hub: HubContext) => RoomsContext): readonly CommandHandler[] => {
  const on = handlersWith(contextOf);
  return [
    on(ROOMS_COMMANDS.reserve, async (context, room) => {
      context.turn((turn) => {
        if (turn.state.room(room.id) !== null) return;
        changeRoom(turn, room);
        watchCreation(turn, room.id, REPAIR_ABANDONED);
      });
      try {
        await copyRoom(context, room.id);
      } catch (error) {
        // Discord has not been asked yet, so there is no channel to look for.
        context.turn((turn) => giveUpRoom(turn, room.id));
        throw error;
      }
      return {};
    }),

    on(ROOMS_COMMANDS.open, async (context, { id, channel }) => {
      const opened = context.turn((turn) => openRoom(turn, id, channel));
      if (!opened) return { outcome: "gone" as const };
      await tryCopyRoom(context, id);
      return { outcome: "opened" as const };
    }),

    on(ROOMS_COMMANDS.giveUp, async (context, { id }) => {
      context.turn((turn) => giveUpRoom(turn, id));
      await tryCopyRoom(context, id);
      return {};
    }),

    on(ROOMS_COMMANDS.doubt, (context, { id }) => {
      context.turn((turn) => watchCreation(turn, id, REPAIR_IN_DOUBT));
      return {};
    }),

    on(ROOMS_COMMANDS.recover, async (context, { createdBy, idempotencyKey }) => {
      const room = context.turn(({ state }) => state.roomOfRequest(createdBy, idempotencyKey));
      if (room === null) return { kind: "nothing" as const };
      const last = context.now() - room.createdAt >= REPAIR_ABANDONED.decideMs;
      return settleCreation(context, room.id, last);
    }),

    on(ROOMS_COMMANDS.end, async (context, { channelId }) => {
      const room = context.turn(({ state }) => state.roomOfChannel(channelId));
      if (room !== null) await endHere(context, room);
      return {};
    }),

    on(ROOMS_COMMANDS.read, (context, { channelIds }) =>
      context.turn(({ state }) =>
        channelIds.flatMap((channelId) => {
          const room = state.roomOfChannel(channelId);
          return room === null ? [] : [{ room, members: membersOf(state, channelId) }];
        }),
      ),
    ),

    on(ROOMS_COMMANDS.people, (context, query) =>
      context.turn(({ state }) => [...state.findPeople(query)]),
    ),
  ];
};

const TASKS: Readonly<Record<string, (context: RoomsContext, id: string) => Promise<void>>> = {
  copy: copyRoom,
  repair: (context, id) => repairCreation(context, id, false),
  decide: (context, id) => repairCreation(context, id, true),
  idle: endIdleRoom,
  check: checkRoom,
  forget: forgetRoom,
  people: async (context) => context.turn(sweepPeople),
};

/** The rooms part of a guild's hub: it keeps live rooms, publishes their changes, and runs their tasks. */
export function roomsHubExtension(portsFor: (env: HubEnv) => RoomTaskPorts): HubExtension {
  const contextOf = (hub: HubContext): RoomsContext => ({
    ...portsFor(hub.env),
    guildId: hub.name,
    now: () => hub.now(),
    turn: (work) => hub.turn((turn) => work(roomsTurnOf(turn))),
  });
  return {
    name: "rooms",
    migrate: createRoomsTables,
    hear: (hub, said) =>
      said instanceof GuildChanged ? applyChange(roomsTurnOf(hub), said.change) : "done",
    commands: commandsOf(contextOf),
    snapshot(hub, mayRead) {
      const { state } = roomsTurnOf(hub);
      const rooms: Room[] = state.roomsIn("open").flatMap((record) => {
        if (record.channelId === null || !mayRead(audienceOf(record))) return [];
        const room = toRoom(record, membersOf(state, record.channelId));
        return room === null ? [] : [room];
      });
      return { rooms };
    },
    async task(hub, key) {
      const slash = key.indexOf("/");
      await TASKS[key.slice(0, slash)]?.(contextOf(hub), key.slice(slash + 1));
    },
  };
}

/** The members of a channel, with the names that are known. */
function membersOf(state: RoomsState, channelId: string): Member[] {
  return state.membersOf(channelId).map((voice) => {
    const person = state.person(voice.userId);
    if (person === null) return voice;
    const { name, avatar } = person;
    return { ...voice, user: { name, avatar } };
  });
}

function roomsTurnOf(hub: HubTurn): RoomsTurn {
  return { state: hub.kept(sqlRoomsState), hub };
}
