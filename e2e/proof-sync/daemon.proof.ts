import { readFile } from "node:fs/promises";
import path from "node:path";
import { describe, expect, it } from "vitest";
import { eventually } from "../../dev/testing/eventually.ts";
import { CLIENTS } from "./clients.ts";
import { startPairedDaemon, type PairedDaemon } from "./paired-daemon.ts";
import { typed, type Phone, type Session } from "./phone.ts";
import { prepareSetting } from "./setting.ts";
import { textOf } from "./wire.ts";

const setting = prepareSetting();

const CASES = CLIENTS.flatMap((client) =>
  (["dataKey", "legacy"] as const).map((variant) => ({ client, name: client.name, variant })),
);

/** Waits until the state of a daemon is this, as its phone hears it. */
async function tellsStatus(
  { socket, machine, cipher }: PairedDaemon,
  status: string,
): Promise<void> {
  await socket.hears(`the daemon is ${status}`, ({ body }) => {
    if (body.t !== "update-machine" || body.machineId !== machine.id) return null;
    const state = body.daemonState?.value ?? null;
    if (state === null) return null;
    return (cipher.open(state) as { readonly status: string }).status === status ? true : null;
  });
}

describe.each(CASES)("the daemon of $name ($variant)", ({ client, variant }) => {
  it("appears on the phone, runs a command for it, and leaves in good order", async () => {
    const daemon = await startPairedDaemon(setting, client, { variant });
    const { phone, socket, home, port, machine, cipher } = daemon;
    await socket.hears("a new machine", ({ body }) =>
      body.t === "new-machine" && body.machineId === machine.id ? true : null,
    );
    await tellsStatus(daemon, "running");
    await socket.notices("the machine is active", (told) =>
      told.type === "machine-activity" && told["id"] === machine.id && told["active"] === true
        ? true
        : null,
    );
    expect(cipher.open(machine.metadata)).toMatchObject({
      happyHomeDir: home.env["HAPPY_HOME_DIR"],
    });

    const bash = `${machine.id}:bash`;
    const cwd = home.workFolder;
    expect(
      await socket.result(bash, { command: "echo out; echo err >&2", cwd }, cipher),
    ).toMatchObject({ success: true, stdout: "out\n", stderr: "err\n", exitCode: 0 });
    expect(await socket.result(bash, { command: "exit 3", cwd }, cipher)).toMatchObject({
      success: false,
      exitCode: 3,
    });
    const unknown = await socket.call(`${machine.id}:nothing`, {}, cipher);
    expect(unknown).toEqual({ ok: false, error: expect.any(String) });
    if (client.isCurrent) {
      // The current client takes itself for connected when the server has confirmed its methods.
      await eventually("the client says that it is connected", async () => {
        expect(await askDaemon(port, "/status")).toMatchObject({ connected: true });
      });
    }

    expect((await home.run("daemon", "stop")).code).toBe(0);
    await tellsStatus(daemon, "shutting-down");
    await eventually("the machine is no longer active", async () => {
      expect((await phone.machine(machine.id)).active).toBe(false);
    });
    const gone = await socket.call(bash, { command: "true", cwd }, cipher);
    expect(gone).toEqual({ ok: false, error: expect.any(String) });
  });

  it("starts a session in which the phone talks to the agent, until it ends it", async () => {
    const daemon = await startPairedDaemon(setting, client, { variant });
    const { phone, socket, home, machine, cipher } = daemon;
    const directory = path.join(home.workFolder, "project");
    const spawned = await socket.result(
      `${machine.id}:spawn-happy-session`,
      { directory, approvedNewDirectoryCreation: true, agent: "claude" },
      cipher,
    );
    expect(spawned).toEqual({ type: "success", sessionId: expect.any(String) });
    const { sessionId } = spawned as { readonly sessionId: string };
    await socket.hears("a new session", ({ body }) =>
      body.t === "new-session" && body.id === sessionId && body.sid === sessionId ? true : null,
    );
    const session = await phone.session(sessionId);
    expect(readMetadata(phone, session)).toMatchObject({ path: directory, machineId: machine.id });
    if (!client.isCurrent) {
      // The older client never gets what was sent before its socket was there.
      await socket.notices("the session is alive", (told) =>
        told.type === "activity" && told["id"] === sessionId ? true : null,
      );
    }

    await phone.send(session, [{ localId: "1", content: typed("hello") }]);
    await hasMessage(phone, session, "You said: hello");
    await socket.hears("the agent's answer, at once", ({ body }) => {
      if (body.t !== "new-message" || body.sid !== sessionId) return null;
      return JSON.stringify(phone.cipherOf(session).open(body.message.content.c)).includes(
        "You said: hello",
      )
        ? true
        : null;
    });
    // By its socket, as older apps send.
    const sealed = phone.cipherOf(session).seal(typed("write a note"));
    socket.say("message", { sid: sessionId, message: sealed, localId: "2" });
    const request = await eventually("the agent asks to use a tool", async () => {
      const { agentState } = await phone.session(sessionId);
      const { requests } = phone.cipherOf(session).open(agentState ?? "") as {
        readonly requests: Readonly<Record<string, { readonly tool: string }>>;
      };
      const [[id, { tool }] = ["", { tool: "" }]] = Object.entries(requests);
      expect(tool).toBe("Write");
      return id;
    });
    const mine = phone.cipherOf(session);
    const granted = { id: request, approved: true };
    await socket.result(`${sessionId}:permission`, granted, mine);
    await hasMessage(phone, session, "You said: write a note");
    expect(await readFile(path.join(directory, "note.txt"), "utf8")).toBe("write a note");
    for (const thinking of [true, false]) {
      await socket.notices(`the session is active, thinking: ${thinking}`, (told) =>
        told.type === "activity" &&
        told["id"] === sessionId &&
        told["active"] === true &&
        told["thinking"] === thinking
          ? true
          : null,
      );
    }
    expect(await socket.result(`${sessionId}:killSession`, {}, mine)).toMatchObject({
      success: true,
    });
    await eventually("the session has ended", async () => {
      const ended = await phone.session(sessionId);
      expect(ended.active).toBe(false);
      expect(readMetadata(phone, ended)).toMatchObject({ lifecycleState: "archived" });
    });
    expect(await socket.call(`${sessionId}:bash`, { command: "true" }, mine)).toMatchObject({
      ok: false,
    });
    const messages = await phone.messages(session);
    expect(messages.map(({ seq }) => seq)).toEqual(messages.map((_, n) => n + 1));
  });
});

function readMetadata(phone: Phone, session: Session): unknown {
  return phone.cipherOf(session).open(session.metadata);
}

/** Waits until a session has a message with this text of its agent. */
async function hasMessage(phone: Phone, session: Session, text: string): Promise<void> {
  await eventually(`a message "${text}"`, async () => {
    const texts = (await phone.messages(session)).map(({ content }) => textOf(content));
    expect(texts).toContain(text);
  });
}

/** Asks the port by which the client's own commands control its daemon. */
async function askDaemon(port: number, route: string): Promise<unknown> {
  const response = await fetch(`http://127.0.0.1:${port}${route}`, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: "{}",
  });
  return response.json();
}
