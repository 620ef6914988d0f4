// socket.io-client in Node: reads what to emit from its input, a line of JSON each, and prints what the client told.
import { createInterface } from "node:readline";
import { io } from "socket.io-client";
import { watch } from "./watch.mjs";

const ask = watch(io, JSON.parse(process.env.TARGET ?? ""), (told) =>
  console.log(JSON.stringify(told)),
);
for await (const line of createInterface({ input: process.stdin })) await ask(JSON.parse(line));
