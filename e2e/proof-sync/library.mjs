// Uses what a client exports to other programs, in a process of its own: it reads its environment when it is loaded.
// Commands come as lines of JSON, and so do the answers, and what happens meanwhile.
import { readFile } from "node:fs/promises";
import path from "node:path";
import { createInterface } from "node:readline";

const { ApiClient } = await import(process.argv[2]);
const file = path.join(process.env.HAPPY_HOME_DIR, "access.key");
const api = await ApiClient.create(readCredentials(JSON.parse(await readFile(file, "utf8"))));
/** Sessions by the names that the test gives them. */
const sessions = new Map();

function readCredentials({ token, secret, encryption }) {
  const bytes = (text) => new Uint8Array(Buffer.from(text, "base64"));
  if (secret !== undefined) return { token, encryption: { type: "legacy", secret: bytes(secret) } };
  const { publicKey, machineKey } = encryption;
  const keys = { publicKey: bytes(publicKey), machineKey: bytes(machineKey) };
  return { token, encryption: { type: "dataKey", ...keys } };
}

function tell(one) {
  process.stdout.write(`${JSON.stringify(one)}\n`);
}

const COMMANDS = {
  /** Calls a method of the API client. */
  api: ({ method, args }) => api[method](...args),
  pushTokens: () => api.push().fetchPushTokens(),
  /** Creates a session, or finds it by its tag, and connects. */
  open: async ({ name, tag, metadata, state }) => {
    const row = await api.getOrCreateSession({ tag, metadata, state });
    const session = api.sessionSyncClient(row);
    sessions.set(name, session);
    session.onUserMessage((message) => tell({ event: "typed", name, text: message.content.text }));
    let isConnected = false;
    session.socket.on("connect", () => {
      isConnected = true;
      tell({ event: "connected", name });
    });
    session.socket.on("disconnect", () => {
      // It is also told of connections that were lost before it was let in.
      if (isConnected) tell({ event: "disconnected", name });
      isConnected = false;
    });
    session.socket.on("connect_error", ({ message }) => tell({ event: "refused", name, message }));
    const { id, metadata: stored, metadataVersion, agentState, agentStateVersion } = row;
    return { id, metadata: stored, metadataVersion, agentState, agentStateVersion };
  },
  /** Calls a method of a session. */
  session: ({ name, method, args }) => sessions.get(name)[method](...args),
  /** Changes members of the metadata or the state of the agent, again until it succeeds. */
  change: ({ name, what, members }) => {
    const method = what === "metadata" ? "updateMetadata" : "updateAgentState";
    sessions.get(name)[method]((old) => ({ ...old, ...members }));
  },
  /** What the client takes for the state of the session. */
  read: ({ name }) => {
    const { metadata, metadataVersion, agentState, agentStateVersion } = sessions.get(name);
    return { metadata, metadataVersion, agentState, agentStateVersion };
  },
};

tell({ event: "ready" });
createInterface({ input: process.stdin }).on("line", async (line) => {
  const { id, command, ...options } = JSON.parse(line);
  try {
    tell({ id, result: (await COMMANDS[command](options)) ?? null });
  } catch (error) {
    tell({ id, error: error instanceof Error ? error.message : String(error) });
  }
});
