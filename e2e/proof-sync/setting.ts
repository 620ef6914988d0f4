import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, onTestFinished } from "vitest";
import { createAgent, type Agent } from "./agent.ts";
import { installClients, type Client } from "./clients.ts";
import { createHome, type Home, type Paired } from "./home.ts";
import { Phone } from "./phone.ts";
import { PhoneSocket, type SocketOwner } from "./phone-socket.ts";
import { startSyncServer, type SyncServer } from "./server.ts";

/** What the tests of a file share: a server, and ways to make what they need of it, which ends with each test. */
export type Setting = {
  readonly server: () => SyncServer;
  readonly newPhone: () => Promise<Phone>;
  /** Opens the socket of a phone. The test fails if it was told what no client understands. */
  readonly watch: (phone: Phone) => Promise<PhoneSocket>;
  /** Opens a socket for anybody, who may be refused. */
  readonly connect: (owner: SocketOwner) => PhoneSocket;
  /** Makes a home. What was started in it ends with the test. */
  readonly newHome: (client: Client, paired?: Paired) => Promise<Home>;
};

/** Starts a server before the tests of a file, and stops it after them. */
export function prepareSetting(): Setting {
  let server: SyncServer;
  let agent: Agent;
  let folder: string;
  beforeAll(async () => {
    await installClients();
    folder = await mkdtemp(path.join(tmpdir(), "guildhub-agent-"));
    agent = await createAgent(folder);
    server = await startSyncServer();
  });
  afterAll(async () => {
    await server?.stop();
    await rm(folder, { recursive: true, force: true });
  });
  const connect = (owner: SocketOwner): PhoneSocket => {
    const socket = new PhoneSocket(server.url, owner);
    onTestFinished(() => socket.close());
    return socket;
  };
  return {
    server: () => server,
    newPhone: () => Phone.signUp(server.url),
    connect,
    watch: async (phone) => {
      const socket = connect({ token: phone.token });
      onTestFinished(() => {
        if (socket.problems.length > 0) throw new Error(socket.problems.join("\n"));
      });
      await socket.isConnected();
      return socket;
    },
    newHome: async (client, paired) => {
      const home = await createHome(client, server.url, agent, paired);
      onTestFinished(async ({ task }) => {
        if (task.result?.state === "fail") console.log(await home.logs());
        await home.remove();
      });
      return home;
    },
  };
}
