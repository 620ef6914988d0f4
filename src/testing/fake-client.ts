import { vi } from "vitest";
import { FakeHub } from "./fake-hub.ts";
import type { GuildEvent } from "../client/guild-event.ts";
import { GuildSocket } from "../client/guild-socket.ts";
import { applyItems, EMPTY_VIEW } from "../client/guild-view.ts";
import type { TokenSource } from "../client/outcome.ts";
import type { ConnectionState, StreamItem } from "../client/stream-item.ts";

/** Somebody enters a room. For tests. */
export const join = (userId: string, channelId = "c1"): GuildEvent => ({
  event: "voice.joined",
  payload: { guildId: "g", channelId, userId },
});
/** A room opens. For tests. */
export const open = (channelId = "c1", name = channelId): GuildEvent => ({
  event: "room.created",
  payload: { guildId: "g", channelId, name },
});

/** A client on a hub; what it hands on is kept. Waits are the longest that the jitter allows. */
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

/** The same, connected. Needs `vi.useFakeTimers`. */
export async function connected(hub?: FakeHub, tokens?: TokenSource) {
  const made = client(hub, tokens);
  made.socket.connect();
  await vi.advanceTimersByTimeAsync(0);
  return made;
}
