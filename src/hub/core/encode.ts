import { PROTOCOL_VERSION, type ServerFrame } from "../../protocol/frames.ts";
import type { Entry } from "./journal.ts";

/** Text of a frame that is not an event. */
export function encodeFrame(frame: ServerFrame): string {
  return JSON.stringify(frame);
}

/** The members of an event frame after `type`, without the closing brace. */
function eventMembers(entry: Entry): string {
  const trace = entry.trace === null ? "" : `,"trace":"${entry.trace}"`;
  return (
    `"event":${JSON.stringify(entry.event)},"payload":${entry.payload},"ts":${entry.ts},` +
    `"seq":${entry.seq},"id":${JSON.stringify(entry.id)}${trace}`
  );
}

/**
 * Text of an event frame. The payload is JSON text already, so an event is encoded once for all sockets.
 * @param prev seq of the event sent before to this socket, when the seq jumps (rooms.md §2)
 */
export function encodeEvent(entry: Entry, prev?: number): string {
  const jump = prev === undefined ? "" : `,"prev":${prev}`;
  return `{"v":${PROTOCOL_VERSION},"type":"event",${eventMembers(entry)}${jump}}`;
}

/**
 * Text of a batch frame.
 * @param prev written into the first event, and into each event that follows a jump inside the batch
 */
export function encodeBatch(entries: readonly Entry[], prev: number): string {
  let before = prev;
  const events = entries.map((entry) => {
    const jump = before === entry.seq - 1 ? "" : `,"prev":${before}`;
    before = entry.seq;
    return `{${eventMembers(entry)}${jump}}`;
  });
  return `{"v":${PROTOCOL_VERSION},"type":"batch","events":[${events.join(",")}]}`;
}

/** Text of a signal frame. @param payload JSON */
export function encodeSignal(signal: {
  readonly event: string;
  readonly key: string;
  readonly payload: string;
  readonly ts: number;
}): string {
  return (
    `{"v":${PROTOCOL_VERSION},"type":"signal","event":${JSON.stringify(signal.event)},` +
    `"key":${JSON.stringify(signal.key)},"payload":${signal.payload},"ts":${signal.ts}}`
  );
}
