import { describe, expect, test, vi } from "vitest";
import { readFrame } from "../client/server-frame.ts";
import {
  CLIENT_FRAME_TYPES,
  ClientFrame,
  PING_FRAME,
  PONG_FRAME,
  ServerFrame,
} from "../protocol/frames.ts";
import { ok } from "../platform/result.ts";
import { SOCKET_IO_CLIENT } from "../testing/client-side.ts";
import { FarEnd, VirtualTimers } from "../testing/edge-ends.ts";
import { VirtualTime } from "../testing/virtual-time.ts";
import { SOCKET_IO_DIALECT } from "./dialects/socket-io.ts";
import { serveSocketIo, type SocketIoPorts } from "./edge/socket-io.ts";
import { GUILD_STREAM } from "./guild-kind.ts";
import { goldenFrames } from "./golden-frames.ts";

const EPOCH = "01JD2V8Q5W0Z7R3N4M6K8P9T1X";

const golden = goldenFrames()
  .trim()
  .split("\n")
  .map((line) => JSON.parse(line) as { from: string; about: string; text: string });

const parsed = (from: string): { about: string; value: unknown }[] =>
  golden
    .filter((one) => one.from === from && one.text !== PING_FRAME && one.text !== PONG_FRAME)
    .map(({ about, text }) => ({ about, value: JSON.parse(text) }));

describe("the golden frames", () => {
  test.each(parsed("hub"))("$about: matches the schema, without unknown members", ({ value }) => {
    expect(ServerFrame.parse(value)).toEqual(value);
    expect(readFrame(JSON.stringify(value)).kind).toBe("frame");
  });

  test.each(parsed("client"))("$about: is a frame that a client may send", ({ value }) => {
    expect(ClientFrame.parse(value)).toEqual(value);
  });

  test.each(golden.filter(({ from }) => from === "socket.io client").map(({ text }) => text))(
    "%s: is a packet that a client of Socket.IO may send",
    async (text) => {
      const [client, hub, time] = [new FarEnd(), new FarEnd(), new VirtualTime(0)];
      const asked = vi.fn<SocketIoPorts["enter"]>(async () => ok(hub.worker));
      serveSocketIo(client.worker, {
        limits: GUILD_STREAM.limits,
        dialect: SOCKET_IO_DIALECT,
        timer: new VirtualTimers(time).timer,
        newId: () => "engine-1",
        leave: () => {},
        closing: () => {},
        keepAlive: () => {},
        enter: asked,
      });
      const isConnect = text.startsWith("40");
      client.say(isConnect ? text : '40{"token":"<jwt>"}');
      await time.quiet();
      hub.say(':o{"connectionId":"c1","epoch":"E","resumes":false}');
      if (!isConnect) client.say(text);
      await time.quiet();
      expect(client.closed).toBeNull();
      const resume = text.includes("offset") ? { epoch: EPOCH, seq: 16 } : {};
      expect(asked.mock.calls).toMatchObject([[{ token: "<jwt>" }, resume]]);
      const heard = hub.heard.map((frame) => SOCKET_IO_DIALECT.read(frame).ok);
      expect(heard).toEqual(isConnect ? [] : [true]);
    },
  );

  test.each(golden.filter(({ from }) => from === "socket.io hub"))(
    "$about: is read as it was meant by the client of Socket.IO",
    ({ text }) => {
      const heard = SOCKET_IO_CLIENT.hear(text.slice(1));
      expect(text).toMatch(/^42\[/);
      expect(heard).toHaveLength(1);
    },
  );

  test("contain every type of client frame", () => {
    const types = parsed("client").map(({ value }) => ClientFrame.parse(value).type);
    expect(new Set(types)).toEqual(CLIENT_FRAME_TYPES);
  });
});
