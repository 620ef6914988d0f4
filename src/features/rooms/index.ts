import type { Feature } from "../../hub/feature.ts";
import { systemClock } from "../../platform/clock.ts";
import { sweepIdempotencyKeys } from "../../platform/idempotency.ts";
import { ROOM_EVENTS } from "../../protocol/events/rooms.ts";
import { roomsHubExtension } from "./hub-extension.ts";
import { mountCreateRoom } from "./routes/create-room.ts";
import { mountInvites } from "./routes/invites.ts";
import { mountPeople } from "./routes/people.ts";
import { mountRooms } from "./routes/rooms.ts";
import { taskPortsOf } from "./wire.ts";

/** Voice rooms in Discord, and what happens in them (rooms.md). */
export const rooms: Feature = {
  name: "rooms",
  events: ROOM_EVENTS,
  hubExtension: roomsHubExtension(taskPortsOf),
  mount(app) {
    mountCreateRoom(app);
    mountRooms(app);
    mountPeople(app);
    mountInvites(app);
  },
  hourly: (env) => sweepIdempotencyKeys(env.DB, systemClock()),
};
