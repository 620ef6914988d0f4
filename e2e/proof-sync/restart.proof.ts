import { readFile, writeFile } from "node:fs/promises";
import path from "node:path";
import { describe, expect, it } from "vitest";
import { eventually } from "../../dev/testing/eventually.ts";
import { CLIENTS, type Client } from "./clients.ts";
import { Library, type LibrarySession } from "./library.ts";
import { startPairedDaemon } from "./paired-daemon.ts";
import { typed, type NewMessage, type Phone, type Session } from "./phone.ts";
import { prepareSetting } from "./setting.ts";
import { textOf } from "./wire.ts";

const setting = prepareSetting();
const { newHome, newPhone, server, watch } = setting;

/** After this time a client ends a command, milliseconds. Its usual 30 s are too short for a busy machine. */
const PATIENCE_MS = 600_000;
const METADATA = { path: "/work", host: "proof" };

type Opened = { readonly phone: Phone; readonly live: LibrarySession; readonly session: Session };

async function openSession(client: Client): Promise<Opened> {
  const phone = await newPhone();
  const library = await Library.start(
    await newHome(client, { accessKey: phone.accessKey("dataKey") }),
  );
  const live = await library.open("proof", METADATA, null);
  return { phone, live, session: await phone.session(live.row.id) };
}

/** Sends as an app does: again, until it was answered. */
async function sendUntilAnswered(
  phone: Phone,
  session: Session,
  message: NewMessage,
): Promise<void> {
  await eventually("the message was taken", async () => {
    expect(await phone.send(session, [message])).toMatchObject({ status: 200 });
  });
}

/** Waits until a session is connected. */
async function isBack(live: LibrarySession): Promise<void> {
  await eventually("the client is back", () => {
    expect(live.connections()).toBe(live.losses() + 1);
  });
}

/** Kills the server, does something meanwhile, and starts it again. */
async function restart(meanwhile: () => void | Promise<void> = () => {}): Promise<void> {
  const startAgain = await server().kill();
  await meanwhile();
  await startAgain();
}

describe.each(CLIENTS)("when the server of $name is killed", (client) => {
  it("no message to a session is lost or doubled", async () => {
    const { phone, live, session } = await openSession(client);
    const socket = await watch(phone);
    const texts = Array.from({ length: 40 }, (_, n) => `typed ${n}`);
    for (const [n, text] of texts.entries()) {
      const sent = sendUntilAnswered(phone, session, { localId: text, content: typed(text) });
      // With the message on its way.
      if (n % 10 === 5) await restart();
      await sent;
    }
    const stored = await phone.messages(session);
    expect(stored.map(({ content }) => textOf(content))).toEqual(texts);
    expect(stored.map(({ seq }) => seq)).toEqual(texts.map((_, n) => n + 1));
    const last = { localId: "last", content: typed("last") };
    await eventually("the client is back", () =>
      expect(live.connections()).toBe(1 + live.losses()),
    );
    await sendUntilAnswered(phone, session, last);
    await eventually("the client has got the last message", () => {
      expect(live.typed()).toContain("last");
    });
    // What comes while the current client fetches what it missed, it takes twice.
    const got = new Set(live.typed());
    // The older client does not ask for what it missed.
    const missed = client.isCurrent ? [] : texts.filter((text) => !got.has(text));
    expect([...got]).toEqual([...texts, "last"].filter((text) => !missed.includes(text)));
    await eventually("the phone is back as well", () => {
      expect(socket.losses).toBeGreaterThan(0);
      expect(socket.connections).toBe(socket.losses + 1);
    });
  });

  it("no message of a session is lost or doubled, and its metadata are written once", async () => {
    const { phone, live, session } = await openSession(client);
    const say = (text: string): Promise<unknown> =>
      live.call("sendSessionEvent", { type: "message", message: text }, text);
    const expected: string[] = [];
    for (const round of [1, 2, 3]) {
      for (const n of [1, 2, 3]) {
        expected.push(`before ${round}.${n}`);
        await say(`before ${round}.${n}`);
      }
      await isBack(live);
      await live.call("flush");
      await restart(async () => {
        await eventually("the client has lost its connection", () => {
          expect(live.losses()).toBe(round);
        });
        for (const n of [1, 2, 3]) {
          expected.push(`during ${round}.${n}`);
          await say(`during ${round}.${n}`);
        }
        await live.change("metadata", { round });
      });
      await eventually("everything is stored", async () => {
        const contents = (await phone.messages(session)).map(({ content }) => content.content);
        expect(contents).toMatchObject(expected.map((id) => ({ type: "event", id })));
        const now = await phone.session(session.id);
        expect(phone.cipherOf(now).open(now.metadata)).toEqual({ ...METADATA, round });
        expect(now.metadataVersion).toBe(session.metadataVersion + round);
      });
    }
  });

  it("a call fails, runs once, and its daemon can be called again", async () => {
    const { home, machine, socket, cipher, bash } = await startPairedDaemon(setting, client);
    const file = path.join(home.workFolder, "runs");
    const command = "echo run >> runs; sleep 600";
    const call = socket.call(`${machine.id}:bash`, { command, cwd: home.workFolder }, cipher);
    const failed = expect(call).rejects.toThrow();
    await eventually("the command runs", () => readFile(file, "utf8"));
    await restart(() => failed);
    await eventually("the daemon can be called again", async () => {
      expect(await bash("cat runs")).toBe("run\n");
    });
  });

  it("an answer to a call of before is not taken for one to a call of after", async () => {
    const { home, machine, socket, cipher, bash } = await startPairedDaemon(setting, client);
    const file = (name: string): string => path.join(home.workFolder, name);
    const wait = (name: string): string => `until test -e ${name}; do sleep 0.1; done`;
    const command = `touch begun; ${wait("go")}; touch ended; echo old`;
    const old = { command, cwd: home.workFolder, timeout: PATIENCE_MS };
    const failed = expect(socket.call(`${machine.id}:bash`, old, cipher)).rejects.toThrow();
    await eventually("the command runs", () => readFile(file("begun")));
    await restart(() => failed);
    await eventually("the daemon can be called again", () => bash("true"));
    const numbers = Array.from({ length: 5 }, (_, n) => n);
    const calls = numbers.map((n) => bash(`touch ${n}; ${wait("end")}; echo ${n}`));
    for (const n of numbers) {
      await eventually("the calls run", () => readFile(file(String(n))));
    }
    await writeFile(file("go"), "");
    await eventually("the old command has ended", () => readFile(file("ended")));
    await bash("true");
    await writeFile(file("end"), "");
    expect(await Promise.all(calls)).toEqual(numbers.map((n) => `${n}\n`));
  });
});
