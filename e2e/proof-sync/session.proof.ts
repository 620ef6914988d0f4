import { describe, expect, it } from "vitest";
import { eventually } from "../../dev/testing/eventually.ts";
import { CLIENTS, type Client } from "./clients.ts";
import { Library, type LibrarySession } from "./library.ts";
import { typed, type Phone, type Session, type Variant } from "./phone.ts";
import { prepareSetting } from "./setting.ts";

const { newHome, newPhone, watch } = prepareSetting();

const VARIANTS: readonly Variant[] = ["dataKey", "legacy"];
const CASES = CLIENTS.flatMap((client) =>
  VARIANTS.map((variant) => ({ client, name: client.name, variant })),
);

const METADATA = { path: "/work", host: "proof" };

type Opened = {
  readonly phone: Phone;
  readonly library: Library;
  readonly live: LibrarySession;
  readonly session: Session;
};

async function openSession(
  client: Client,
  variant: Variant,
  state: object | null = null,
): Promise<Opened> {
  const phone = await newPhone();
  const library = await Library.start(
    await newHome(client, { accessKey: phone.accessKey(variant) }),
  );
  const live = await library.open("proof", METADATA, state);
  return { phone, library, live, session: await phone.session(live.row.id) };
}

describe.each(CASES)("a session of $name ($variant)", ({ client, variant }) => {
  it("carries messages both ways, in order and once", async () => {
    const { phone, live, session } = await openSession(client, variant);
    const socket = await watch(phone);
    const texts = Array.from({ length: 120 }, (_, n) => `typed ${n}`);
    for (const [n, text] of texts.entries()) {
      if (n % 2 === 0) {
        await phone.send(session, [{ localId: text, content: typed(text) }]);
      } else {
        const message = phone.cipherOf(session).seal(typed(text));
        socket.say("message", { sid: session.id, message, localId: text });
        // Sent by another way, it could be overtaken by the next one.
        await socket.ask("ping", null);
      }
      const event = { type: "message", message: `answer ${n}` };
      await live.call("sendSessionEvent", event, `event-${n}`);
      await live.call("flush");
    }
    await eventually("the client has got every text", () => expect(live.typed()).toEqual(texts));

    const stored = await phone.messages(session);
    expect(stored.map(({ seq }) => seq)).toEqual(stored.map((_, n) => n + 1));
    const contents = stored.map(({ content }) => content.content);
    const answers = contents.filter((content) => "type" in content && content.type === "event");
    expect(answers).toMatchObject(texts.map((_, n) => ({ id: `event-${n}` })));
    const told = socket.updates.flatMap(({ body }) =>
      body.t === "new-message" ? [body.message.seq] : [],
    );
    // The phone is not told what it has sent by its own socket.
    const own = new Set(texts.filter((_, n) => n % 2 === 1));
    const others = stored.filter(({ localId }) => localId === null || !own.has(localId));
    expect(told).toEqual(others.map(({ seq }) => seq));
  });

  it("keeps its metadata and the state of its agent, which two change at the same time", async () => {
    const { phone, live, session } = await openSession(client, variant);
    expect(live.row).toMatchObject({ metadata: METADATA, agentState: null });
    const socket = await watch(phone);
    const cipher = phone.cipherOf(session);
    const start = session.metadataVersion;
    const rounds = Array.from({ length: 20 }, (_, n) => n);
    const writesOfPhone = async (): Promise<void> => {
      let [version, value] = [start, session.metadata];
      for (const n of rounds) {
        for (;;) {
          const members = { ...(cipher.open(value) as object), [`phone${n}`]: n };
          const answer = (await socket.ask("update-metadata", {
            sid: session.id,
            metadata: cipher.seal(members),
            expectedVersion: version,
          })) as { readonly result: string; readonly version: number; readonly metadata: string };
          ({ version, metadata: value } = answer);
          if (answer.result === "success") break;
          expect(answer.result).toBe("version-mismatch");
        }
      }
    };
    await Promise.all([
      writesOfPhone(),
      ...rounds.map((n) => live.change("metadata", { [`client${n}`]: n })),
      ...rounds.map((n) => live.change("state", { [`client${n}`]: n })),
    ]);
    const all = (whose: string): object =>
      Object.fromEntries(rounds.map((n) => [`${whose}${n}`, n]));
    const expected = { ...METADATA, ...all("phone"), ...all("client") };
    const after = await eventually("both have written everything", async () => {
      const now = await phone.session(session.id);
      expect(cipher.open(now.metadata)).toEqual(expected);
      expect(cipher.open(now.agentState ?? "")).toEqual(all("client"));
      return now;
    });
    const late = { sid: session.id, metadata: cipher.seal({}), expectedVersion: start };
    expect(await socket.ask("update-metadata", late)).toEqual({
      result: "version-mismatch",
      version: after.metadataVersion,
      metadata: after.metadata,
    });
    // Every write counts once, and nobody else writes.
    expect(after.metadataVersion).toBe(start + 2 * rounds.length);
    expect(after.agentStateVersion).toBe(session.agentStateVersion + rounds.length);
    await eventually("the client has the newest metadata", async () => {
      const { metadata, metadataVersion } = await live.read();
      expect({ metadata, metadataVersion }).toEqual({
        metadata: expected,
        metadataVersion: after.metadataVersion,
      });
    });
    await socket.hears("the newest metadata", ({ body }) =>
      body.t === "update-session" && body.metadata?.version === after.metadataVersion ? true : null,
    );
  });

  it("tells the phone that it is alive, and that it ends", async () => {
    const { phone, live, session } = await openSession(client, variant, { controlledByUser: true });
    const socket = await watch(phone);
    const mine = { type: "activity", id: session.id, sid: session.id };
    expect(live.row.agentState).toEqual({ controlledByUser: true });
    for (const thinking of [true, false, true]) {
      const before = socket.ephemerals.length;
      await live.call("keepAlive", thinking, "remote");
      await eventually(`it is alive, thinking: ${thinking}`, () => {
        expect(socket.ephemerals.slice(before)).toContainEqual(
          expect.objectContaining({ ...mine, active: true, thinking }),
        );
      });
    }
    await live.call("sendSessionDeath");
    await live.call("flush");
    expect((await phone.session(session.id)).active).toBe(false);
    await eventually("it has ended", () => {
      expect(socket.ephemerals).toContainEqual(expect.objectContaining({ ...mine, active: false }));
    });
  });

  it("answers calls of the phone", async () => {
    const { phone, session } = await openSession(client, variant);
    const socket = await watch(phone);
    const cipher = phone.cipherOf(session);
    const method = `${session.id}:getDirectoryTree`;
    const answer = await eventually("the method is registered", () =>
      socket.result(method, { path: METADATA.path, maxDepth: -1 }, cipher),
    );
    expect(answer).toMatchObject({ success: false, error: "maxDepth must be non-negative" });
  });
});

describe.each(CLIENTS)("the account of $name", (client) => {
  it("is told what a session uses", async () => {
    const { phone, live, session } = await openSession(client, "dataKey");
    const socket = await watch(phone);
    await live.call("sendUsageData", { input_tokens: 5, output_tokens: 7 });
    await eventually("what it uses", () => {
      expect(socket.ephemerals).toContainEqual(
        expect.objectContaining({
          type: "usage",
          id: session.id,
          key: "claude-session",
          tokens: expect.objectContaining({ total: 12, input: 5, output: 7 }),
        }),
      );
    });
  });

  it("has one session for a tag, tokens of vendors, and no push tokens", async () => {
    const { phone, library, live } = await openSession(client, "legacy");
    const again = await library.open("proof", { path: "/elsewhere" }, null);
    expect(again.row).toEqual(live.row);
    expect(await phone.sessions()).toHaveLength(1);

    const token = { access_token: "secret", expires_in: 3_600 };
    expect(await library.api("getVendorToken", "openai")).toBe(null);
    await library.api("registerVendorToken", "openai", token);
    expect(await library.api("getVendorToken", "openai")).toEqual(token);
    expect(await library.pushTokens()).toEqual([]);
    if (client.isCurrent) {
      expect(await library.api("deactivateSession", live.row.id)).toBe(true);
      expect((await phone.session(live.row.id)).active).toBe(false);
    }
  });
});
