import { readFile } from "node:fs/promises";
import path from "node:path";
import { expect, it } from "vitest";
import { MATCH_EVENTS } from "../../src/protocol/events/matches.ts";
import { GATEWAY_EVENTS, ROOM_EVENTS } from "../../src/protocol/events/rooms.ts";
import { CLIENT_FRAME_TYPES, ClientFrame, ServerFrame } from "../../src/protocol/frames.ts";

const DOCS = path.resolve(import.meta.dirname, "../../docs");
const EVENTS = [...ROOM_EVENTS, ...GATEWAY_EVENTS, ...MATCH_EVENTS];

/** Types of the frames that a page shows, and names of the events in them. All must match the schemas. */
async function shownOn(name: string): Promise<{ frames: Set<string>; events: Set<string> }> {
  const page = await readFile(path.join(DOCS, name), "utf8");
  const lines = [...page.matchAll(/^```jsonl\n(.*?)^```$/gms)].flatMap(([, block = ""]) =>
    block.trim().split("\n"),
  );
  const shown = { frames: new Set<string>(), events: new Set<string>() };
  for (const line of lines) {
    const json: unknown = JSON.parse(line);
    const isOurs = typeof json === "object" && json !== null && "v" in json;
    const frame = isOurs ? ServerFrame.parse(json) : ClientFrame.parse(json);
    // A schema drops unknown members, so equality proves that every shown member has a meaning.
    expect(frame).toEqual(json);
    shown.frames.add(isOurs ? `server ${frame.type}` : `client ${frame.type}`);
    const events = frame.type === "event" ? [frame] : frame.type === "batch" ? frame.events : [];
    for (const { event, payload } of events) {
      const definition = EVENTS.find((one) => one.name === event);
      expect(definition?.payload.parse(payload)).toEqual(payload);
      shown.events.add(event);
    }
  }
  return shown;
}

it("docs/protocol.md shows valid frames of every type", async () => {
  const { frames } = await shownOn("protocol.md");
  const server = ServerFrame.options.map(({ shape }) => `server ${shape.type.value}`);
  const client = [...CLIENT_FRAME_TYPES].map((type) => `client ${type}`);
  expect([...frames].toSorted()).toEqual([...server, ...client].toSorted());
});

it("docs/matches.md shows a valid example of every event of a match", async () => {
  const { events } = await shownOn("matches.md");
  expect([...events].toSorted()).toEqual(MATCH_EVENTS.map(({ name }) => name).toSorted());
});
