import { describe, expect, it } from "vitest";
import { eventually } from "../../dev/testing/eventually.ts";
import { CLIENTS, CURRENT, OLDER } from "./clients.ts";
import { Library } from "./library.ts";
import { startPairedDaemon } from "./paired-daemon.ts";
import { typed } from "./phone.ts";
import { prepareSetting } from "./setting.ts";
import { textOf } from "./wire.ts";

const setting = prepareSetting();
const { connect, newHome, newPhone, watch } = setting;

const METADATA = { path: "/work", host: "proof" };
const WRONG = "wrong";

describe("a token that the server does not know", () => {
  it("opens neither a socket nor a route", async () => {
    const phone = await newPhone();
    const socket = connect({ token: WRONG });
    await eventually("it is refused", () => {
      expect(socket.refusals).toEqual(["Invalid authentication token"]);
    });
    expect(socket.connections).toBe(0);
    for (const token of [WRONG, null]) {
      expect(await phone.ask("GET", "/v1/sessions", undefined, token)).toEqual({
        status: 401,
        body: { error: expect.any(String) },
      });
    }
  });

  it.each(CLIENTS)("ends the daemon of $name, and its library says so", async (client) => {
    const phone = await newPhone();
    const home = await newHome(client, { accessKey: phone.accessKey("dataKey", WRONG) });
    expect((await home.run("daemon", "start-sync")).code).toBe(1);
    const library = await Library.start(home);
    await expect(library.open("proof", METADATA, null)).rejects.toThrow("401");
  });

  it.each(CLIENTS)("and one that was revoked shuts $name out", async (client) => {
    const { phone, machine, socket, cipher } = await startPairedDaemon(setting, client);
    expect(await phone.ask("POST", "/v1/auth/revoke", {})).toMatchObject({ status: 200 });
    expect(await phone.ask("GET", "/v1/sessions")).toMatchObject({ status: 401 });
    await eventually("its sockets are closed", () => expect(socket.losses).toBe(1));
    const token = await phone.signIn();
    const again = connect({ token });
    await again.isConnected();
    const called = await again.call(`${machine.id}:bash`, { command: "true" }, cipher);
    expect(called).toMatchObject({ ok: false });
    const answer = await phone.ask("GET", `/v1/machines/${machine.id}`, undefined, token);
    expect(answer).toMatchObject({ status: 200, body: { machine: { active: false } } });
    expect(socket.connections).toBe(1);
  });
});

describe.each(CLIENTS)("somebody else's account at the server of $name", (client) => {
  it("sees, changes and calls nothing, and is told nothing", async () => {
    const { phone, home, machine, bash } = await startPairedDaemon(setting, client);
    const stranger = await newPhone();
    const spy = await watch(stranger);
    const library = await Library.start(home);
    const live = await library.open("proof", METADATA, null);
    const session = await phone.session(live.row.id);
    await phone.send(session, [{ localId: "mine", content: typed("mine") }]);
    await eventually("the client has got the message", () => {
      expect(live.typed()).toEqual(["mine"]);
    });

    const message = { localId: "theirs", content: "AAAA" };
    const refused: readonly (readonly [method: string, path: string, body?: unknown])[] = [
      ["GET", `/v1/sessions/${session.id}`],
      ["GET", `/v3/sessions/${session.id}/messages?after_seq=0`],
      ["POST", `/v3/sessions/${session.id}/messages`, { messages: [message] }],
      ["POST", `/v1/sessions/${session.id}/messages`, { ...message, content: { t: "encrypted" } }],
      ["POST", `/v1/sessions/${session.id}/archive`, {}],
      ["GET", `/v1/machines/${machine.id}`],
    ];
    for (const [method, path, body] of refused) {
      expect(await stranger.ask(method, path, body), `${method} ${path}`).toMatchObject({
        status: 404,
      });
    }
    expect(await stranger.sessions()).toEqual([]);

    const { token } = stranger;
    for (const owner of [
      { token, clientType: "session-scoped", sessionId: session.id },
      { token, clientType: "machine-scoped", machineId: machine.id },
    ] as const) {
      const socket = connect(owner);
      await eventually("it is refused", () => expect(socket.refusals).toHaveLength(1));
      expect(socket.connections).toBe(0);
    }
    const cipher = phone.cipherOf(session);
    for (const method of [`${machine.id}:bash`, `${session.id}:bash`]) {
      const called = await spy.call(method, { command: "touch seen" }, cipher);
      expect(called).toMatchObject({ ok: false });
    }
    const write = { sid: session.id, metadata: "AAAA", expectedVersion: session.metadataVersion };
    expect(await spy.ask("update-metadata", write)).toMatchObject({ result: "error" });
    spy.say("message", { sid: session.id, message: "AAAA" });
    spy.say("session-end", { sid: session.id, time: Date.now() });
    spy.say("session-alive", { sid: session.id, time: Date.now(), thinking: true });
    await spy.ask("ping", null);

    expect(await bash("ls")).toBe("");
    expect(await phone.session(session.id)).toMatchObject({
      active: true,
      metadata: session.metadata,
    });
    const messages = await phone.messages(session);
    expect(messages.map(({ content }) => textOf(content))).toEqual(["mine"]);
    expect({ updates: spy.updates, ephemerals: spy.ephemerals }).toEqual({
      updates: [],
      ephemerals: [],
    });
  });

  it("may have a machine with the same id", async () => {
    const mine = await startPairedDaemon(setting, client);
    const { id: machineId } = mine.machine;
    const theirs = await startPairedDaemon(setting, client, { machineId });
    expect(theirs.machine.id).toBe(machineId);
    for (const { bash, home } of [mine, theirs])
      expect(await bash("pwd")).toBe(`${home.workFolder}\n`);
  });
});

describe("both clients in one account", () => {
  it("are called by one phone, each on its machine", async () => {
    const current = await startPairedDaemon(setting, CURRENT);
    const { phone } = current;
    const older = await startPairedDaemon(setting, OLDER, { phone, variant: "legacy" });
    for (const { bash, home } of [current, older]) {
      expect(await bash("pwd")).toBe(`${home.workFolder}\n`);
    }
  });

  it("share a session, in which each gets what the other one writes", async () => {
    const phone = await newPhone();
    const open = async (client: typeof CURRENT) => {
      const home = await newHome(client, { accessKey: phone.accessKey("legacy") });
      return (await Library.start(home)).open("shared", METADATA, null);
    };
    const [current, older] = [await open(CURRENT), await open(OLDER)];
    expect(older.row).toEqual(current.row);
    const session = await phone.session(current.row.id);
    const rounds = Array.from({ length: 10 }, (_, n) => n);
    await Promise.all([
      ...rounds.map((n) => current.change("metadata", { [`current${n}`]: n })),
      ...rounds.map((n) => older.change("metadata", { [`older${n}`]: n })),
    ]);
    const expected = {
      ...METADATA,
      ...Object.fromEntries(
        rounds.flatMap((n) => [
          [`current${n}`, n],
          [`older${n}`, n],
        ]),
      ),
    };
    for (const live of [current, older]) {
      await eventually("it has what both have written", async () => {
        expect((await live.read()).metadata).toEqual(expected);
      });
    }
    const { metadataVersion } = await phone.session(session.id);
    expect(metadataVersion).toBe(session.metadataVersion + 2 * rounds.length);

    await current.call("sendSessionEvent", { type: "message", message: "from the current" });
    await current.call("flush");
    await older.call("sendSessionEvent", { type: "message", message: "from the older" });
    await older.call("flush");
    await phone.send(session, [{ localId: "1", content: typed("to both") }]);
    for (const live of [current, older]) {
      await eventually("it got what the phone sent", () => {
        expect(live.typed()).toEqual(["to both"]);
      });
    }
    const contents = (await phone.messages(session)).map(({ content }) => content.content);
    expect(contents).toMatchObject([
      { type: "event", data: { message: "from the current" } },
      { type: "event", data: { message: "from the older" } },
      { text: "to both" },
    ]);
  });
});
