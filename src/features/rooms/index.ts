import type { Area } from "../../hub/area.ts";
import { systemClock } from "../../platform/clock.ts";
import { pathsBelow } from "../../platform/http/areas.ts";
import { PROBLEM_DIALECT } from "../../platform/http/problem-dialect.ts";
import { sweepIdempotencyKeys } from "../../platform/idempotency.ts";
import { ROOM_EVENTS } from "../../protocol/events/rooms.ts";
import { roomsVariables } from "./config.ts";
import { roomsHubExtension } from "./hub-extension.ts";
import { mountCreateRoom } from "./routes/create-room.ts";
import { mountInvites } from "./routes/invites.ts";
import { mountPeople } from "./routes/people.ts";
import { mountRooms } from "./routes/rooms.ts";
import { taskPortsOf } from "./wire.ts";

/** Voice rooms in Discord, and what happens in them (rooms.md). */
export const rooms: Area = {
  ...PROBLEM_DIALECT,
  name: "rooms",
  owns: pathsBelow("/create-room", "/end-room", "/rooms", "/people"),
  config: roomsVariables,
  hubs: ["guild"],
  tags: [{ name: "rooms", description: "Open, list, invite to and end voice rooms" }],
  events: ROOM_EVENTS,
  extension: roomsHubExtension(taskPortsOf),
  mount(app) {
    mountCreateRoom(app);
    mountRooms(app);
    mountPeople(app);
    mountInvites(app);
  },
  hourly: (env) => sweepIdempotencyKeys(env.DB, systemClock()),
};
