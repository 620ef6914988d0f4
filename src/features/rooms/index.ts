import type { Feature } from "../../hub/feature.ts";
import { systemClock } from "../../platform/clock.ts";
import { sweepIdempotencyKeys } from "../../platform/idempotency.ts";
import { ROOM_EVENTS } from "../../protocol/events/rooms.ts";
import { roomsHubExtension } from "./hub-extension.ts";
import { mountCreateInvite } from "./routes/create-invite.ts";
import { mountCreateRoom } from "./routes/create-room.ts";
import { mountEndRoom } from "./routes/end-room.ts";
import { mountGetRoom } from "./routes/get-room.ts";
import { mountListPeople } from "./routes/list-people.ts";
import { mountListRooms } from "./routes/list-rooms.ts";
import { taskPortsOf } from "./wire.ts";

/** Voice rooms in Discord, and what happens in them (rooms.md). */
export const rooms: Feature = {
  name: "rooms",
  events: ROOM_EVENTS,
  hubExtension: roomsHubExtension(taskPortsOf),
  mount(app) {
    mountCreateRoom(app);
    mountEndRoom(app);
    mountListRooms(app);
    mountGetRoom(app);
    mountListPeople(app);
    mountCreateInvite(app);
  },
  hourly: (env) => sweepIdempotencyKeys(env.DB, systemClock()),
};
