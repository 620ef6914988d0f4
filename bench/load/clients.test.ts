import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { GuildClient, offsetIn, SocketIoClient, type Client } from "./clients.ts";

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

const authOk = (limits: Record<string, number>): Buffer =>
  Buffer.from(JSON.stringify({ v: 1, type: "ack", event: "auth.ok", epoch: "e", seq: 7, limits }));

function guildClient(limits: Record<string, number>): { client: GuildClient; sent: string[] } {
  const client = new GuildClient((position) => ({ port: 1, path: JSON.stringify(position) }));
  client.see(authOk(limits));
  return { client, sent: [] };
}

const pathOf = async ({ entry }: Client): Promise<string> => (await entry()).path;

test("half of the window is acknowledged at once, counted in events or in bytes", () => {
  const { client, sent } = guildClient({ windowEvents: 10, windowBytes: 1_000 });
  const send = (text: string): void => void sent.push(text);
  client.took(4, 100, 11, send);
  expect(sent).toEqual([]);
  client.took(1, 100, 12, send);
  client.took(1, 500, 13, send);
  expect(sent).toEqual(['{"type":"ack","seq":12}', '{"type":"ack","seq":13}']);
});

test("less than half of the window is acknowledged once, within some seconds", () => {
  const { client, sent } = guildClient({ windowEvents: 1_000, windowBytes: 1_000_000 });
  client.took(1, 100, 8, (text) => void sent.push(text));
  client.took(1, 100, 9, (text) => void sent.push(text));
  vi.advanceTimersByTime(1_999);
  expect(sent).toEqual([]);
  vi.advanceTimersByTime(10_000);
  expect(sent).toEqual(['{"type":"ack","seq":9}']);
});

test("a server without credit is not acknowledged", () => {
  const { client, sent } = guildClient({});
  client.took(100_000, 1e9, 8, (text) => void sent.push(text));
  vi.advanceTimersByTime(60_000);
  expect(sent).toEqual([]);
});

test("a client reconnects with its position, and can be reset to an earlier one", async () => {
  const fresh = new GuildClient((position) => ({ port: 1, path: JSON.stringify(position) }));
  expect(await pathOf(fresh)).toBe("null");
  const { client } = guildClient({});
  expect(await pathOf(client)).toBe('{"epoch":"e","seq":7}');
  const putBack = client.mark();
  client.took(1, 100, 8, () => undefined);
  expect(await pathOf(client)).toBe('{"epoch":"e","seq":8}');
  putBack();
  expect(await pathOf(client)).toBe('{"epoch":"e","seq":7}');
});

test("a Socket.IO client opens the namespace, answers pings and reconnects with its offset", () => {
  const sent: string[] = [];
  const client = new SocketIoClient(1, "token", true);
  const see = (text: string): void => {
    client.see(Buffer.from(text), (answer) => void sent.push(answer));
  };
  see('0{"sid":"a","pingInterval":5000}');
  see('40{"sid":"b","pid":"mine"}');
  see("2");
  see('42["event",{"v":1},"first"]');
  const putBack = client.mark();
  see('42["event",{"v":1},"second"]');
  see('0{"sid":"c"}');
  putBack();
  see('0{"sid":"d"}');
  expect(sent).toEqual([
    '40{"token":"token"}',
    "3",
    '40{"token":"token","pid":"mine","offset":"second"}',
    '40{"token":"token","pid":"mine","offset":"first"}',
  ]);
});

test.each([
  ['42["event",{"v":1},"abc"]', "abc"],
  ['42["event",{"v":1}]', null],
  ['42["event","x\\",\\"y"]', null],
])("the offset in %s is %s", (packet, offset) => {
  expect(offsetIn(Buffer.from(packet))).toBe(offset);
});
