/**
 * Not a contender: the cheapest server that can feed the load generator. It writes one prepared frame per socket
 * and event, without a WebSocket library, and so shows the generator's own ceiling.
 */
import { writeSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import type { Duplex } from "node:stream";

const sockets = new Set<Duplex>();
let seq = 0;

const server = createServer((request, response) => {
  let body = "";
  request.setEncoding("utf8");
  request.on("data", (chunk: string) => {
    body += chunk;
  });
  request.on("end", () => {
    const { events } = JSON.parse(body) as { events: Record<string, unknown>[] };
    for (const { event, payload, ts, id } of events) {
      seq += 1;
      const frame = textFrame(JSON.stringify({ v: 1, type: "event", event, payload, ts, seq, id }));
      for (const socket of sockets) socket.write(frame);
    }
    response.end("{}");
  });
});
server.on("upgrade", (_request, socket: Duplex) => {
  socket.write(
    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
  );
  sockets.add(socket);
  socket.on("error", () => sockets.delete(socket));
  socket.on("close", () => sockets.delete(socket));
});
server.listen(0, "127.0.0.1", () => {
  writeSync(3, `"socket":"http","port":${(server.address() as AddressInfo).port}`);
});

/** An unmasked text frame of 126 to 65,535 bytes, the only lengths needed here. */
function textFrame(text: string): Buffer {
  const payload = Buffer.from(text);
  const header = Buffer.from([0x81, 126, 0, 0]);
  header.writeUInt16BE(payload.length, 2);
  return Buffer.concat([header, payload]);
}
