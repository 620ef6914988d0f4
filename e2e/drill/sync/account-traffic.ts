import { setTimeout as delay } from "node:timers/promises";
import { z } from "zod";
import type { Drill } from "../drill.ts";
import type { CallFact } from "../history.ts";
import type { Random } from "../random.ts";
import { type Device, DeviceLeft } from "./device.ts";
import type { Counted, SyncFact } from "./history.ts";
import { askUntilAnswered } from "./rest.ts";

/** Messages of one request at most. */
const MESSAGES_MAX = 3;
/** Share of requests that are sent twice at the same time, and of messages by socket that are sent by REST as well. */
const REPEATED_SHARE = 0.3;
/** Pause before a change is tried again, milliseconds at most. */
const AGAIN_MS = 30;

const Accepted = z.object({
  messages: z.array(z.object({ id: z.string(), seq: z.int(), localId: z.string() })),
});
const Changed = z.object({
  result: z.enum(["success", "version-mismatch"]),
  version: z.int(),
  metadata: z.string(),
});
const CallEnd = z.union([
  z.object({ ok: z.literal(true), result: z.string() }),
  z.object({ ok: z.literal(false), error: z.string() }),
]);

/** What a device knows of a session's metadata. */
type Known = { readonly version: number; readonly value: string };

/** A session of the drill. */
export type DrillSession = { readonly id: string; readonly tag: string };

/** An account with its devices. */
export type Account = {
  readonly name: string;
  readonly token: string;
  readonly sessions: readonly DrillSession[];
  readonly devices: readonly Device[];
};

/** What accounts do: messages by socket and by REST, changes of metadata, and calls. */
export class AccountTraffic {
  readonly #drill: Drill;
  readonly #accounts: readonly Account[];
  readonly #random: Random;
  readonly #origin: () => string;
  readonly #known = new Map<string, Known>();
  #names = 0;
  #underWay = 0;

  /** @param origin of the Worker, through a link */
  constructor(drill: Drill, accounts: readonly Account[], random: Random, origin: () => string) {
    this.#drill = drill;
    this.#accounts = accounts;
    this.#random = random;
    this.#origin = origin;
  }

  /** Begins something in an account. */
  act(): void {
    const account = this.#random.pick(this.#accounts);
    const writers = account.devices.filter(
      ({ isServed, spec }) => isServed && spec.scope.type !== "machine-scoped",
    );
    if (writers.length === 0) return;
    const device = this.#random.pick(writers);
    const { scope } = device.spec;
    const session =
      account.sessions.find(({ id }) => scope.type === "session-scoped" && id === scope.id) ??
      this.#random.pick(account.sessions);
    const deed = this.#random.pick([
      () => this.#sendBySocket(account, session, device),
      () => this.#sendBySocket(account, session, device),
      () => this.#sendByRest(account, session),
      () => this.#change(session, device),
      () => this.#call(account, device),
    ]);
    this.#underWay += 1;
    void deed()
      .catch((error: unknown) => {
        if (!(error instanceof DeviceLeft)) this.#drill.log.problem(String(error));
      })
      .finally(() => (this.#underWay -= 1));
  }

  /** @throws when something has not ended */
  expectIdle(): void {
    if (this.#underWay > 0) throw new Error(`${this.#underWay} are under way`);
  }

  /** Sends a message whose acceptance is certain. @returns its name */
  async sendLast(account: Account, session: DrillSession): Promise<string> {
    const message = this.#newName(session);
    await this.#post(account, session, [message]);
    return message;
  }

  async #sendBySocket(account: Account, session: DrillSession, device: Device): Promise<void> {
    const message = this.#newName(session);
    this.#write({ k: "sent", message, session: session.id, device: device.spec.name });
    const data = { sid: session.id, message: contentOf(message), localId: message };
    device.say("message", data);
    // A socket says nothing of a message. So a client that wants to know sends it by REST as well.
    if (this.#random.chance(REPEATED_SHARE)) await this.#post(account, session, [message]);
  }

  async #sendByRest(account: Account, session: DrillSession): Promise<void> {
    const count = this.#random.between(1, MESSAGES_MAX);
    const messages = Array.from({ length: count }, () => this.#newName(session));
    const times = this.#random.chance(REPEATED_SHARE) ? [1, 2] : [1];
    await Promise.all(times.map(() => this.#post(account, session, messages)));
  }

  /** Sends messages by REST, again and again until they are accepted. */
  async #post(
    { token }: Account,
    session: DrillSession,
    messages: readonly string[],
  ): Promise<void> {
    for (const message of messages) {
      this.#write({ k: "sent", message, session: session.id, device: null });
    }
    const path = `/v3/sessions/${session.id}/messages`;
    const { signal } = this.#drill.hurry;
    const asked = messages.map((localId) => ({ localId, content: contentOf(localId) }));
    const at = { origin: this.#origin(), token };
    const answer = await askUntilAnswered(at, path, Accepted, signal, { messages: asked });
    for (const { localId: message, id, seq } of answer.messages) {
      this.#write({ k: "accepted", message, id, seq });
    }
  }

  /** Counts one up in the metadata, from what is there. */
  async #change({ id: session, tag }: DrillSession, device: Device): Promise<void> {
    const key = `${device.spec.name} ${session}`;
    for (;;) {
      const known = this.#known.get(key) ?? { version: 1, value: JSON.stringify({ count: 0 }) };
      const { count } = JSON.parse(known.value) as Counted;
      const next: Counted = {
        of: tag,
        count: count + 1,
        by: `${device.spec.name}.${this.#next()}`,
      };
      const data = { sid: session, metadata: JSON.stringify(next), expectedVersion: known.version };
      const came = Changed.parse(await device.ask("update-metadata", data));
      const { result, version, metadata: value } = came;
      this.#known.set(key, { version, value });
      const k = result === "success" ? "changed" : "mismatch";
      this.#write({ k, session, version, value });
      if (result === "success") return;
      await delay(this.#random.between(0, AGAIN_MS));
    }
  }

  async #call({ devices }: Account, caller: Device): Promise<void> {
    const targets = devices.filter(({ spec }) => spec.method !== undefined && spec !== caller.spec);
    const { method } = this.#random.pick(targets).spec;
    const call = `${caller.spec.name}:${this.#next()}`;
    this.#tell({ k: "called", call });
    try {
      const end = CallEnd.parse(await caller.ask("rpc-call", { method, params: call }));
      if (!end.ok) return this.#tell({ k: "failed", call, why: end.error });
      const [by = "", to = ""] = end.result.split(" ");
      this.#tell({ k: "answered", call, to, by });
    } catch (error) {
      if (!(error instanceof DeviceLeft)) throw error;
      this.#tell({ k: "left", call });
    }
  }

  #newName({ tag }: DrillSession): string {
    return `${tag}.${this.#next()}`;
  }

  #next(): number {
    this.#names += 1;
    return this.#names;
  }

  #write(fact: SyncFact): void {
    this.#drill.log.sync({ t: Date.now(), ...fact });
  }

  #tell(fact: CallFact): void {
    this.#drill.log.call({ t: Date.now(), ...fact });
  }
}

/** The content of a message with this name. */
function contentOf(message: string): string {
  return Buffer.from(message).toString("base64");
}
