import { describe, expect, it } from "vitest";
import { z } from "zod";
import { connectPacket, type DeskServer } from "./desk-server.ts";
import { endpoint, QUERY, RawClient, refusedUpgrade } from "./raw-client.ts";

const Handshake = z.strictObject({
  sid: z.string().min(1),
  upgrades: z.tuple([]),
  pingInterval: z.int().positive(),
  pingTimeout: z.int().positive(),
  maxPayload: z.int().positive(),
});

/**
 * Every case over a WebSocket that the published test suite of Engine.IO's protocol (version 4) names, and what the
 * reference implementation does besides. Cases of HTTP long-polling and of binary frames are those that we refuse
 * (docs/socket-io.md).
 * @param served the server, once it has started
 */
export function engineIoSuite(served: () => DeskServer): void {
  const url = (): string => served().url;
  const open = (): Promise<RawClient> => RawClient.open(url());
  const handshakeOf = async (client: RawClient): Promise<z.infer<typeof Handshake>> =>
    Handshake.parse(JSON.parse((await client.next(/^0/)).slice(1)));

  describe("the handshake of Engine.IO", () => {
    it("opens a session: the server speaks first, and names its limits and no upgrade", async () => {
      const client = await open();
      await handshakeOf(client);
      expect(client.packets).toHaveLength(1);
      client.vanish();
    });

    it("has an id of its own for each session", async () => {
      const clients = [await open(), await open()];
      const ids = await Promise.all(clients.map(async (one) => (await handshakeOf(one)).sid));
      expect(new Set(ids).size).toBe(2);
      for (const client of clients) client.vanish();
    });

    it.each([undefined, "3", "abc"])("is refused for the protocol version %s", async (EIO) => {
      const query = { transport: "websocket", ...(EIO === undefined ? {} : { EIO }) };
      const refused = await refusedUpgrade(url(), query);
      // The reference implementation only notices after the upgrade, and breaks the connection.
      if (refused === null) return;
      expect(refused.status).toBe(400);
      expect(JSON.parse(refused.body)).toEqual({
        code: 5,
        message: "Unsupported protocol version",
      });
    });

    it.each([undefined, "abc", "polling", "webtransport"])(
      "is refused for the transport %s",
      async (transport) => {
        const query = { EIO: "4", ...(transport === undefined ? {} : { transport }) };
        const refused = await refusedUpgrade(url(), query);
        expect(refused).toMatchObject({
          status: 400,
          body: expect.stringContaining("Transport unknown"),
        });
        const plain = await fetch(endpoint(url(), query));
        expect(plain.status).toBe(400);
        expect(await plain.json()).toEqual({ code: 0, message: "Transport unknown" });
      },
    );

    it("is refused without an upgrade", async () => {
      const response = await fetch(endpoint(url(), QUERY));
      expect(response.status).toBe(400);
      expect(await response.json()).toEqual({ code: 3, message: "Bad request" });
    });

    it.each(["POST", "PUT", "DELETE"])("is refused for %s", async (method) => {
      const post = (transport: string): Promise<Response> =>
        fetch(endpoint(url(), { EIO: "4", transport }), { method });
      const answers = [await post("websocket"), await post("polling")];
      expect(answers.map(({ status }) => status)).toEqual([400, 400]);
      expect(await Promise.all(answers.map((answer) => answer.json()))).toEqual([
        { code: 2, message: "Bad handshake method" },
        { code: 0, message: "Transport unknown" },
      ]);
    });

    it("has no session to upgrade: there is no other transport to come from", async () => {
      const refused = await refusedUpgrade(url(), { ...QUERY, sid: "AAAAAAAAAAAAAAAAAAAA" });
      expect(refused).toMatchObject({
        status: 400,
        body: expect.stringContaining("Session ID unknown"),
      });
    });
  });

  describe("packets of Engine.IO", () => {
    it("a client may close the session", async () => {
      const client = await open();
      await handshakeOf(client);
      client.send("1");
      await client.closed();
    });

    it.each([
      ["a heartbeat", "2"],
      ["the probe of an upgrade", "2probe"],
    ])("%s that the client sends closes the session: only the server asks", async (_, packet) => {
      const client = await open();
      await handshakeOf(client);
      client.send(packet);
      await client.closed();
    });

    it("an unknown packet closes the session", async () => {
      const client = await open();
      await handshakeOf(client);
      client.send("abc");
      await client.closed();
    });

    it("a frame above the announced size closes the session with 1009", async () => {
      const client = await open();
      const { maxPayload } = await handshakeOf(client);
      client.send(`4${" ".repeat(maxPayload)}`);
      expect(await client.closed()).toBe(1009);
    });
  });

  // These take as long as the server's deadlines, so they wait side by side.
  describe("heartbeats and deadlines", () => {
    it.concurrent("the server asks again and again whether the client is there", async () => {
      const client = await RawClient.join(served());
      for (let n = 0; n < 2; n += 1) expect(await client.next(/^2/)).toBe("2");
      expect(await client.ask(1, "desk.echo", "still here")).toEqual(["still here"]);
      client.vanish();
    });

    it.concurrent("a client that joins no namespace is closed", async () => {
      const client = await open();
      await client.closed();
      expect(client.packets.filter((packet) => packet.startsWith("4"))).toEqual([]);
    });

    it.concurrent("a client that does not answer is closed", async () => {
      const client = await RawClient.open(url(), { answersPings: false });
      client.send(connectPacket(served()));
      await client.closed();
      expect(client.packets.filter((packet) => packet === "2")).toHaveLength(1);
    });
  });
}
