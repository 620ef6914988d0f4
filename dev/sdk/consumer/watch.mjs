// A program that uses the package, as its readers would write it. Tells what it hears, a line each;
// ends by itself once its input has ended and the client is closed.
import { GuildClient } from "guildhub-client";

// No waiting between attempts.
Math.random = () => 0;

const tell = (told) => console.log(JSON.stringify(told));
const guild = new GuildClient({ baseUrl: process.argv[2], token: () => "t1", signals: true });
guild.on("state", ({ kind, over = null }) => tell({ kind, over }));
guild.on("snapshot", ({ rooms }) => tell({ rooms: rooms.length }));
guild.on("presence", ({ count }) => tell({ here: count }));
guild.on("room.created", () => {
  throw new Error("a handler with a fault");
});
process.on("uncaughtException", ({ message }) => tell({ uncaught: message }));
guild.on("voice.joined", ({ seq, payload }) => tell({ seq, joined: payload.userId }));
tell(guild.subscribe(["1"]));
guild.connect();

process.stdin.resume().on("end", () => guild.close());
