import { folded } from "../features/rooms/hub/people.ts";
import type {
  HeldEvent,
  KnownPerson,
  PeopleState,
  RoomsState,
} from "../features/rooms/hub/rooms-state.ts";
import type { RoomRecord, VoiceState } from "../features/rooms/room-record.ts";
import { NO_VOICE_KNOWLEDGE } from "../gateway/voice-knowledge.ts";
import type { GatewayStanding } from "../protocol/events/rooms.ts";
import { PEOPLE_MAX } from "../protocol/limits.ts";

/** {@link RoomsState} in memory, for tests of the rules and as the model of the SQL one. */
export function memoryRoomsState(): RoomsState {
  const rooms = new Map<string, RoomRecord>();
  const foreign = new Set<string>();
  const candidates = new Map<string, readonly string[]>();
  let held: HeldEvent[] = [];
  const voices = new Map<string, VoiceState>();
  const emptySince = new Map<string, number>();
  let gateway: GatewayStanding | null = null;
  let knowledge = NO_VOICE_KNOWLEDGE;

  const find = (fits: (room: RoomRecord) => boolean): RoomRecord | null =>
    [...rooms.values()].toSorted((a, b) => (a.id < b.id ? 1 : -1)).find(fits) ?? null;
  const byTime = (a: VoiceState, b: VoiceState): number =>
    a.since - b.since || (a.userId < b.userId ? -1 : 1);

  return {
    ...memoryPeople(),
    room: (id) => rooms.get(id) ?? null,
    roomOfChannel: (channelId) => find((room) => room.channelId === channelId),
    roomOfRequest: (createdBy, key) =>
      find((room) => room.createdBy === createdBy && room.idempotencyKey === key),
    roomsIn: (state) =>
      [...rooms.values()]
        .filter((room) => room.state === state)
        .toSorted((a, b) => (a.id < b.id ? -1 : 1)),
    saveRoom: (room) => {
      rooms.set(room.id, room);
    },
    removeRoom: (id) => {
      rooms.delete(id);
    },
    foreignChannels: () => [...foreign],
    isForeign: (channelId) => foreign.has(channelId),
    addForeign: (channelId) => {
      foreign.add(channelId);
    },
    removeForeign: (channelId) => {
      foreign.delete(channelId);
    },
    unsettledChannels: () => [...candidates.keys()],
    candidatesOf: (channelId) => candidates.get(channelId) ?? null,
    saveCandidates: (channelId, roomIds) => {
      candidates.set(channelId, roomIds);
    },
    removeCandidates: (channelId) => {
      candidates.delete(channelId);
    },
    hold: (event) => {
      held.push(event);
    },
    heldCount: () => held.length,
    heldEvents: () => held,
    takeHeld: () => {
      const taken = held;
      held = [];
      return taken;
    },
    isAfterHeld: ({ channelId, userId }) =>
      held.some((one) =>
        userId === null
          ? one.channelId === channelId
          : one.userId === userId || (one.userId === null && one.channelId === channelId),
      ),
    emptySince: (roomId) => emptySince.get(roomId) ?? null,
    saveEmptySince: (roomId, since) => {
      if (since === null) emptySince.delete(roomId);
      else emptySince.set(roomId, since);
    },
    voiceOf: (userId) => voices.get(userId) ?? null,
    membersOf: (channelId) =>
      [...voices.values()].filter((voice) => voice.channelId === channelId).toSorted(byTime),
    voiceStates: () => [...voices.values()].toSorted(byTime),
    saveVoice: (voice) => {
      voices.set(voice.userId, voice);
    },
    removeVoice: (userId) => {
      voices.delete(userId);
    },
    gateway: () => gateway,
    saveGateway: (standing) => {
      gateway = standing;
    },
    voiceKnowledge: () => knowledge,
    saveVoiceKnowledge: (now) => {
      knowledge = now;
    },
  };
}

/** {@link PeopleState} in memory, as the model of the SQL one. */
function memoryPeople(): PeopleState {
  const people = new Map<string, KnownPerson>();
  return {
    person: (userId) => people.get(userId) ?? null,
    savePerson: (person) => {
      const before = people.get(person.userId);
      people.set(person.userId, { ...person, listed: person.listed || before?.listed === true });
      if (people.size > PEOPLE_MAX) {
        const [oldest] = [...people.values()].toSorted(
          (a, b) => a.seenAt - b.seenAt || (a.userId < b.userId ? -1 : 1),
        );
        people.delete(oldest?.userId ?? "");
      }
      return before === undefined;
    },
    findPeople: ({ q, limit }) => {
      const part = folded(q);
      const rank = ({ name }: KnownPerson): string =>
        `${folded(name).startsWith(part) ? 0 : 1}${folded(name)}`;
      return [...people.values()]
        .filter(({ listed, bot, name }) => listed && bot !== true && folded(name).includes(part))
        .toSorted((a, b) => (rank(a) + a.userId < rank(b) + b.userId ? -1 : 1))
        .slice(0, limit);
    },
    forgetPeople: (seenBefore) => {
      for (const one of people.values()) if (one.seenAt < seenBefore) people.delete(one.userId);
      return people.size > 0;
    },
  };
}
