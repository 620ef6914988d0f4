import { pathsBelow } from "../platform/http/areas.ts";
import { PROBLEM_DIALECT } from "../platform/http/problem-dialect.ts";
import type { Area } from "./area.ts";
import { mountAdminConnections } from "./routes/admin-connections.ts";
import { mountAdminHub, mountAdminJournal, mountAdminPublisher } from "./routes/admin-hub.ts";
import { mountEvents } from "./routes/events.ts";
import { mountSocketIo } from "./routes/socket-io.ts";
import { mountStream, mountTicket } from "./routes/ws.ts";
import { guildChannels } from "./guild-channels.ts";

/** The event stream of a guild (rooms.md §2). Every area with events of a guild builds on it. */
export const stream: Area = {
  ...PROBLEM_DIALECT,
  name: "stream",
  owns: pathsBelow("/ws", "/events", "/socket.io", "/admin"),
  tags: [
    { name: "stream", description: "The guild's event stream" },
    { name: "admin", description: "For operators: look into hubs, close connections" },
  ],
  hubs: ["guild"],
  events: [],
  channels: guildChannels,
  mount(app, areas) {
    mountTicket(app);
    mountStream(app, areas);
    mountSocketIo(app);
    mountEvents(app);
    mountAdminHub(app);
    mountAdminConnections(app);
    mountAdminPublisher(app);
    mountAdminJournal(app);
  },
};
