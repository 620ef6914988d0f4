// A client of sync in the native dialect. Start it twice: `node native.mjs agent`, and `node native.mjs phone`.
import { randomUUID } from "node:crypto";
import { Messages, openSession, SERVER, signIn } from "./account.mjs";

/** After these closes the same client would be refused again. */
const FOR_GOOD = new Set([4001, 4003, 4004, 4005]);

/** Connects for as long as the server lets it. `on` has what to do with each event. Returns how to send one. */
function connect(about, on) {
  let current;
  let pauseMs = 500;
  const answers = new Map();
  const say = (frame) => current.send(JSON.stringify(frame));

  const open = () => {
    const socket = new WebSocket(`${SERVER.replace("http", "ws")}/v1/updates`);
    current = socket;
    // Without it a connection that the network has lost looks like a quiet one.
    let heardAt = Date.now();
    const beat = setInterval(() => {
      if (Date.now() - heardAt > 60_000) socket.close();
      else if (socket.readyState === WebSocket.OPEN) socket.send('{"event":"ping"}');
    }, 20_000);
    socket.addEventListener("open", () => say({ event: "auth", data: about }));
    socket.addEventListener("message", async ({ data: text }) => {
      heardAt = Date.now();
      const { event, data, ackId, ack } = JSON.parse(text);
      if (event === "connected") pauseMs = 500;
      try {
        if (event === "ack") answers.get(ackId)?.(ack);
        else if (event === "rpc-request") {
          say({ event: "rpc-response", ackId, ack: await on["rpc-request"](data) });
        } else await on[event]?.(data);
      } catch (error) {
        // A request has failed, for example. The next connection tries again.
        console.log(`${event}: ${error.message}`);
        socket.close();
      }
    });
    socket.addEventListener("close", ({ code, reason }) => {
      clearInterval(beat);
      // Nobody will answer what was asked on this connection.
      for (const answer of answers.values()) answer({ ok: false, error: "connection lost" });
      answers.clear();
      console.log(`closed: ${code} ${reason}`);
      if (FOR_GOOD.has(code)) return;
      setTimeout(open, Math.random() * pauseMs);
      pauseMs = Math.min(2 * pauseMs, 30_000);
    });
  };
  open();

  return {
    say: (event, data) => say({ event, data }),
    /** Sends an event, and waits for its answer. */
    ask: (event, data) =>
      new Promise((resolve) => {
        if (current.readyState !== WebSocket.OPEN) {
          resolve({ ok: false, error: "connection lost" });
          return;
        }
        const ackId = randomUUID();
        answers.set(ackId, (answer) => {
          answers.delete(ackId);
          resolve(answer);
        });
        say({ event, data, ackId });
      }),
  };
}

const token = await signIn();
const { id: sid } = await openSession(token, "example");
const method = `${sid}:greet`;

if (process.argv[2] === "agent") {
  // It works for one session, sends messages, and answers calls.
  const about = { token, clientType: "session-scoped", sessionId: sid };
  const client = connect(about, {
    connected: () => client.say("rpc-register", { method }),
    "rpc-registered": () => {
      console.log("registered");
      const message = Buffer.from("the agent is here").toString("base64");
      client.say("message", { sid, message, localId: randomUUID() });
    },
    "rpc-request": ({ params }) => `hello ${params}`,
  });
} else {
  // It is told of everything in the account, reads the messages, and calls the agent.
  const messages = new Messages(token, sid, (seq, text) => console.log(`message ${seq}: ${text}`));
  const client = connect(
    { token, clientType: "user-scoped" },
    {
      connected: async () => {
        console.log("connected");
        await messages.catchUp();
        console.log("answer:", await client.ask("rpc-call", { method, params: "phone" }));
      },
      update: (update) => messages.told(update),
    },
  );
}
