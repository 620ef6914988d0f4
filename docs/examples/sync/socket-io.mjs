// The same with Socket.IO's own client (`npm install socket.io-client`), which reconnects by itself.
import { randomUUID } from "node:crypto";
import { io } from "socket.io-client";
import { Messages, openSession, SERVER, signIn } from "./account.mjs";

/** Connects, and says how it went. */
function connect(about) {
  const socket = io(SERVER, { path: "/v1/updates", transports: ["websocket"], auth: about });
  // It comes back after a loss. It stays away when the server has refused it, and says why.
  socket.on("connect_error", ({ message }) => console.log("not connected:", message));
  socket.on("disconnect", (reason) => console.log("closed:", reason));
  return socket;
}

const token = await signIn();
const { id: sid } = await openSession(token, "example");
const method = `${sid}:greet`;

if (process.argv[2] === "agent") {
  // It works for one session, sends messages, and answers calls.
  const socket = connect({ token, clientType: "session-scoped", sessionId: sid });
  socket.on("connect", () => socket.emit("rpc-register", { method }));
  socket.on("rpc-registered", () => {
    console.log("registered");
    const message = Buffer.from("the agent is here").toString("base64");
    socket.emit("message", { sid, message, localId: randomUUID() });
  });
  socket.on("rpc-request", ({ params }, answer) => answer(`hello ${params}`));
} else {
  // It is told of everything in the account, reads the messages, and calls the agent.
  const messages = new Messages(token, sid, (seq, text) => console.log(`message ${seq}: ${text}`));
  const socket = connect({ token, clientType: "user-scoped" });
  // A request may fail while the network does. The next connection tries again.
  const again = (error) => {
    console.log(error.message);
    socket.disconnect().connect();
  };
  socket.on("update", (update) => messages.told(update).catch(again));
  socket.on("connect", () => {
    console.log("connected");
    messages.catchUp().catch(again);
    const call = { method, params: "phone" };
    socket.emit("rpc-call", call, (answer) => console.log("answer:", answer));
  });
}
