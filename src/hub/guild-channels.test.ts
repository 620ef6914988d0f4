import { Parser } from "@asyncapi/parser";
import { describe, expect, it } from "vitest";
import { CLOSE_CODES } from "../protocol/close-codes.ts";
import { ROOM_EVENTS } from "../protocol/events/rooms.ts";
import { CLIENT_FRAME_TYPES, ServerFrame } from "../protocol/frames.ts";
import { guildChannels } from "./guild-channels.ts";
import { asyncApiDocument } from "../platform/asyncapi.ts";

const document = asyncApiDocument(guildChannels(ROOM_EVENTS));

describe("the AsyncAPI document", () => {
  it("is valid AsyncAPI 3.0 by its own parser", async () => {
    const { document: parsed, diagnostics } = await new Parser().parse(JSON.stringify(document));
    // 0 is an error; higher severities are hints.
    expect(diagnostics).not.toContainEqual(expect.objectContaining({ severity: 0 }));
    expect(parsed?.version()).toBe("3.0.0");
    expect(
      parsed
        ?.channels()
        .all()
        .map((channel) => channel.address()),
    ).toEqual(["/ws", "/socket.io/"]);
  });

  it("has every event, every frame of both sides and every close code", async () => {
    const { document: parsed } = await new Parser().parse(JSON.stringify(document));
    const operations = parsed?.operations().all() ?? [];
    const types = (action: string): Set<unknown> =>
      new Set(
        operations
          .filter((operation) => operation.action() === action)
          .filter((operation) => operation.channels().all()[0]?.address() === "/ws")
          .flatMap((operation) => operation.messages().all())
          .map((message) => message.payload()?.properties()?.["type"]?.const()),
      );
    expect(types("receive")).toEqual(new Set([...CLIENT_FRAME_TYPES, "ping"]));
    const sent = ServerFrame.options.map((option) => option.shape.type.value);
    expect(types("send")).toEqual(new Set([...sent, "pong"]));
    const names = parsed
      ?.allMessages()
      .all()
      .map((message) => message.name());
    expect(names).toEqual(expect.arrayContaining(ROOM_EVENTS.map(({ name }) => name)));
    const codes = { "x-close-codes": Object.values(CLOSE_CODES) };
    expect(document).toMatchObject({ channels: { stream: codes, socketIo: codes } });
  });
});
