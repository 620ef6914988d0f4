import { readFile } from "node:fs/promises";
import path from "node:path";
import { expect, it } from "vitest";
import { ROOM_EVENTS } from "../../src/protocol/events/rooms.ts";
import { CLIENT_FRAME_TYPES, ClientFrame, ServerFrame } from "../../src/protocol/frames.ts";

const PAGE = path.resolve(import.meta.dirname, "../../docs/protocol.md");

it("docs/protocol.md shows frames as they are, of every type", async () => {
  const page = await readFile(PAGE, "utf8");
  const lines = [...page.matchAll(/^```jsonl\n(.*?)^```$/gms)].flatMap(([, block = ""]) =>
    block.trim().split("\n"),
  );
  const shown = new Set<string>();
  for (const line of lines) {
    const json: unknown = JSON.parse(line);
    const isOurs = typeof json === "object" && json !== null && "v" in json;
    const frame = isOurs ? ServerFrame.parse(json) : ClientFrame.parse(json);
    // What a schema does not know it drops: nothing shown may be of no meaning.
    expect(frame).toEqual(json);
    shown.add(isOurs ? `server ${frame.type}` : `client ${frame.type}`);
    const events = frame.type === "event" ? [frame] : frame.type === "batch" ? frame.events : [];
    for (const { event, payload } of events) {
      const definition = ROOM_EVENTS.find(({ name }) => name === event);
      expect(definition?.payload.parse(payload)).toEqual(payload);
    }
  }
  const server = ServerFrame.options.map(({ shape }) => `server ${shape.type.value}`);
  const client = [...CLIENT_FRAME_TYPES].map((type) => `client ${type}`);
  expect([...shown].toSorted()).toEqual([...server, ...client].toSorted());
});
