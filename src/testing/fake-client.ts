import { vi } from "vitest";
import { FakeHub } from "./fake-hub.ts";
import type { GuildEvent } from "../client/guild-event.ts";
import { GuildSocket } from "../client/guild-socket.ts";
import { applyItems, EMPTY_VIEW } from "../client/guild-view.ts";
import type { TokenSource } from "../client/outcome.ts";
import type { ConnectionState, StreamItem } from "../client/stream-item.ts";

/** A user enters a room. */
export const join = (userId: string, channelId = "c1"): GuildEvent => ({
  event: "voice.joined",
  payload: { guildId: "g", channelId, userId },
});
/** A room is opened. */
export const open = (channelId = "c1", name = channelId): GuildEvent => ({
  event: "room.created",
  payload: { guildId: "g", channelId, name },
});

/** A client of a hub. It keeps what the client passes on. Its waits are the longest that the jitter allows. */
function client(hub = new FakeHub(), tokens?: TokenSource) {
  const items: StreamItem[] = [];
  const states: ConnectionState[] = [];
  const socket = new GuildSocket({
    ticket: hub.ticket,
    events: hub.events,
    signals: hub.signals,
    tokens: tokens ?? (() => Promise.resolve({ ok: true, value: "token-renewed" })),
    openSocket: hub.open,
    onItems: (more) => items.push(...more),
    onState: (state) => states.push(state),
    random: () => 1,
  });
  const view = () => applyItems(EMPTY_VIEW, items, 0);
  return {
    hub,
    socket,
    items,
    states,
    view,
    state: () => states.at(-1),
    seqs: () => items.flatMap((item) => (item.type === "event" ? [item.seq] : [])),
  };
}

/** A connected client. Needs `vi.useFakeTimers`. */
export async function connected(hub?: FakeHub, tokens?: TokenSource) {
  const made = client(hub, tokens);
  made.socket.connect();
  await vi.advanceTimersByTimeAsync(0);
  return made;
}
