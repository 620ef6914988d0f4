import { describe, expect, it } from "vitest";
import { z } from "zod";
import { connectPacket, type DeskServer } from "./desk-server.ts";
import { RawClient } from "./raw-client.ts";

const Connected = z.strictObject({ sid: z.string().min(1), pid: z.string().min(1) });
const Shouted = z.tuple([z.string(), z.object({ data: z.string() })], z.unknown());
const Refused = z.object({ message: z.string(), data: z.object({ code: z.int() }) });

/** Names that Socket.IO's clients and servers use for themselves. */
const RESERVED = [
  "connect",
  "connect_error",
  "disconnect",
  "disconnecting",
  "newListener",
  "removeListener",
];

/** What no packet of a connected client may look like, by what is wrong with it. */
const MALFORMED: readonly (readonly [wrong: string, packet: string])[] = [
  ["a packet type of Engine.IO that does not exist", "abc"],
  ["no packet type of Engine.IO", ""],
  ["a packet type of Socket.IO that does not exist", "4abc"],
  ["the next number after the last packet type", "47"],
  ["an event that is no list", "42{}"],
  ["an event without a name", "42[]"],
  ["an event whose name is no text", "42[null]"],
  ["an event that is no JSON", '42["desk.echo"'],
  ["an acknowledgement's id that is no number", '42abc["desk.echo",1]'],
  ["an acknowledgement that is no list", "431{}"],
  ["a disconnect with a payload", '41{"now":true}'],
  ["a second CONNECT", "40{}"],
  ["a packet for a namespace that was not joined", '42/admin,["desk.echo",1]'],
  ["leaving a namespace that was not joined", "41/admin,"],
  ...RESERVED.map((name) => [`the reserved event ${name}`, `42["${name}"]`] as const),
];

/**
 * Every case that the published test suite of Socket.IO's protocol (version 5) names beside those of Engine.IO, and
 * what the reference implementation does besides. Binary packets are refused (docs/socket-io.md).
 * @param served the server, once it has started
 */
export function socketIoSuite(served: () => DeskServer): void {
  const open = (): Promise<RawClient> => RawClient.open(served().url);
  const join = (): Promise<RawClient> => RawClient.join(served());
  /** Shows that a connection works. */
  const answers = async (client: RawClient, id = 77): Promise<void> => {
    expect(await client.ask(id, "desk.echo", "still here")).toEqual(["still here"]);
  };

  describe("joining", () => {
    it("the main namespace, with a payload", async () => {
      const client = await open();
      client.send(connectPacket(served()));
      const packet = await client.next(/^4/);
      expect(packet).toMatch(/^40\{/);
      Connected.parse(JSON.parse(packet.slice(2)));
      await client.next(/^42\["snapshot",\{/);
      await answers(client);
      client.vanish();
    });

    it.each([
      ["without a payload", () => "40"],
      ["with an empty payload", () => "40{}"],
      ["with bad credentials", () => `40${JSON.stringify(served().badAuth)}`],
    ])("is refused for good %s, in words", async (_, packet) => {
      const client = await open();
      client.send(packet());
      const refused = await client.next(/^4/);
      expect(refused).toMatch(/^44\{/);
      Refused.parse(JSON.parse(refused.slice(2)));
      client.vanish();
    });

    it.each(["40/admin", "40/admin,", '40/admin,{"token":"alice"}'])(
      "another namespace (%s) is refused, and the main one can still be joined",
      async (packet) => {
        const client = await open();
        client.send(packet);
        expect(await client.next(/^4/)).toBe('44/admin,{"message":"Invalid namespace"}');
        client.send(connectPacket(served()));
        await client.next(/^40/);
        await answers(client);
        client.vanish();
      },
    );

    it.each(["4abc", '40"alice"', "40[]", '40{"token":', '42["desk.echo",1]', "41", "431[]"])(
      "%s instead of CONNECT closes the session",
      async (packet) => {
        const client = await open();
        await client.next(/^0/);
        client.send(packet);
        await client.closed();
      },
    );
  });

  describe("leaving", () => {
    it("ends the events, and others are served on", async () => {
      const [leaver, stayer] = [await join(), await join()];
      leaver.send("41");
      if (served().staysAfterLeaving) {
        // Packets are read in their order, so this answer shows that the server knows.
        leaver.send("40/admin,");
        await leaver.next(/^44\/admin/);
        expect(await leaver.next(/^2/)).toBe("2");
      } else expect(await leaver.closed()).toBe(1000);
      const before = leaver.packets.length;
      stayer.send('42["desk.shout","after"]');
      await stayer.next(/^42\["desk\.shouted",\{"data":"after"\}/);
      await answers(stayer);
      expect(leaver.packets.slice(before).filter((packet) => packet !== "2")).toEqual([]);
      for (const client of [leaver, stayer]) client.vanish();
    });
  });

  describe("events", () => {
    it("reach everybody, with a position as the last argument", async () => {
      const [speaker, listener] = [await join(), await join()];
      speaker.send('42["desk.shout",[1,"2",{"3":[true]}]]');
      const packet = await listener.next(/^42\["desk\.shouted"/);
      const [, payload, meta, offset] = JSON.parse(packet.slice(2)) as unknown[];
      expect(payload).toEqual({ data: [1, "2", { "3": [true] }] });
      expect(meta).toMatchObject({ seq: expect.any(Number), id: expect.any(String) });
      expect(offset).toEqual(expect.any(String));
      for (const client of [speaker, listener]) client.vanish();
    });

    it("that are not kept end with no text that a client would take for its position", async () => {
      const [speaker, listener] = [await join(), await join()];
      speaker.send('42["desk.shout","no position"]');
      const packet = await listener.next(/^42\["shouted"/);
      const [, said, ...rest] = JSON.parse(packet.slice(2)) as unknown[];
      expect(said).toBe("no position");
      expect(rest).toHaveLength(1);
      for (const client of [speaker, listener]) client.vanish();
    });

    it("keep their order, and those of others are between them", async () => {
      const [speaker, other, listener] = [await join(), await join(), await join()];
      const count = 25;
      for (let n = 0; n < count; n += 1) {
        speaker.send(`42["desk.shout","s${n}"]`);
        other.send(`42["desk.shout","o${n}"]`);
      }
      const heard: string[] = [];
      while (heard.length < 2 * count) {
        const packet = await listener.next(/^42\["desk\.shouted"/);
        heard.push(Shouted.parse(JSON.parse(packet.slice(2)))[1].data);
      }
      for (const who of ["s", "o"]) {
        const own = heard.filter((one) => one.startsWith(who));
        expect(own).toEqual(Array.from({ length: count }, (_, n) => `${who}${n}`));
      }
      for (const client of [speaker, other, listener]) client.vanish();
    });

    it("are acknowledged with what the server answers, under the client's number", async () => {
      const client = await join();
      const data = [1, "2", { "3": [false] }, null, "é 😀 \u2028"];
      expect(await client.ask(456, "desk.echo", data)).toEqual([data]);
      expect(await client.ask(0, "desk.echo", "zero")).toEqual(["zero"]);
      client.vanish();
    });

    it("are acknowledged in their order when many are under way", async () => {
      const client = await join();
      const ids = Array.from({ length: 20 }, (_, n) => n);
      for (const id of ids) client.send(`42${id}["desk.echo",${id}]`);
      for (const id of ids) expect(await client.next(/^43/)).toBe(`43${id}[${id}]`);
      client.vanish();
    });

    it("ask the client as well, and its acknowledgement is the answer of the one who called", async () => {
      const [server, caller] = [await join(), await join()];
      await server.ask(1, "desk.register", { method: "alice.add" });
      caller.send('427["desk.call",{"method":"alice.add","params":[2,3]}]');
      const asked = await server.next(/^42\d+\["alice\.add"/);
      const [, id = ""] = /^42(\d+)/.exec(asked) ?? [];
      expect(asked).toBe(`42${id}["alice.add",[2,3]]`);
      server.send(`43${id}[{"sum":5}]`);
      expect(await caller.next(/^43/)).toBe('437[{"sum":5}]');
      for (const client of [server, caller]) client.vanish();
    });

    it("an acknowledgement that nobody waits for, and an event that nobody knows, close nothing", async () => {
      const client = await join();
      client.send("43999[1]");
      client.send('42["desk.unheard",1]');
      await answers(client);
      client.vanish();
    });

    it.each(MALFORMED)("%s closes the session", async (_, packet) => {
      const client = await join();
      client.send(packet);
      await client.closed();
    });
  });
}

/** What Socket.IO has and we leave out, so that it fails at once instead of being lost (docs/socket-io.md). */
export function leftOutSuite(served: () => DeskServer): void {
  describe("binary packets", () => {
    it.each([
      ["an event with an attachment", '451-["desk.echo",{"_placeholder":true,"num":0}]'],
      ["an acknowledgement with an attachment", '461-1[{"_placeholder":true,"num":0}]'],
      ["a frame of bytes", Buffer.from([1, 2, 3])],
      ["an event as bytes in text form", `b${btoa('2["desk.echo",1]')}`],
    ])("%s closes the session", async (_, packet) => {
      const client = await RawClient.join(served());
      client.send(packet);
      expect(await client.closed()).toBe(4499);
    });
  });
}
