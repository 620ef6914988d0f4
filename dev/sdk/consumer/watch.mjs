// A program that uses the package like a user's program. It prints each event as a line. After its input has
// ended, it closes the client and must end by itself.
import { GuildClient } from "guildhub-client";

// Without jitter there is no wait between attempts.
Math.random = () => 0;

const print = (line) => console.log(JSON.stringify(line));
const guild = new GuildClient({ baseUrl: process.argv[2], token: () => "t1", signals: true });
guild.on("state", ({ kind, over = null }) => print({ kind, over }));
guild.on("snapshot", ({ rooms }) => print({ rooms: rooms.length }));
guild.on("presence", ({ count }) => print({ here: count }));
guild.on("room.created", () => {
  throw new Error("a handler that throws");
});
process.on("uncaughtException", ({ message }) => print({ uncaught: message }));
guild.on("voice.joined", ({ seq, payload }) => print({ seq, joined: payload.userId }));
print(guild.subscribe(["1"]));
guild.connect();

process.stdin.resume().on("end", () => guild.close());
