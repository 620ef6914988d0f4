import { z } from "zod";
import { type Entrance, openWire, type Wire } from "../../../dev/testing/wire/wire.ts";
import { type Backoff, doublingPause } from "../../../src/protocol/backoff.ts";
import type { Random } from "../random.ts";
import type { DeviceScope, SyncFact, UpdateBody } from "./history.ts";
import {
  aboutOf,
  type DeviceEntry,
  type DeviceHeard,
  type DeviceLanguage,
  languageOf,
} from "./language.ts";
import { askUntilAnswered, type RestAt } from "./rest.ts";

const PING_EVERY_MS = 4_000;
/** A device that is not let in after this time gives the connection up, milliseconds. */
const GREETING_MS = 12_000;
const RETRY_BACKOFF: Backoff = { firstMs: 100, mostMs: 2_000 };

/** Its connection has ended, and with it what it waited for. */
export class DeviceLeft extends Error {}

/** What a device is. */
export type DeviceSpec = {
  readonly name: string;
  readonly account: string;
  readonly scope: DeviceScope;
  readonly entry: DeviceEntry;
  /** The method that it answers; absent: none. */
  readonly method?: string;
};

const Update = z.object({
  id: z.string(),
  seq: z.int(),
  body: z.custom<UpdateBody>((body) => typeof body === "object" && body !== null),
});
const Asked = z.object({ params: z.string() });
const Ticket = z.object({ ticket: z.string() });

/** A device of an account: a phone, a session or a machine. It always comes back, and records what it hears. */
export class Device {
  readonly spec: DeviceSpec;
  readonly #at: Required<RestAt>;
  readonly #language: DeviceLanguage;
  readonly #random: Random;
  readonly #write: (fact: SyncFact) => void;
  /** Tells that it was asked. */
  readonly #asked: (call: string) => void;
  readonly #hurry: AbortSignal;
  readonly #waiting = new Map<string, PromiseWithResolvers<unknown>>();
  #wire: Wire | null = null;
  #isOpen = false;
  #isRegistered = false;
  #isOver = false;
  #attempt = 0;
  #acks = 0;
  #openedAt = 0;
  #pingedAt = 0;
  #retry: NodeJS.Timeout | undefined;
  /** Answers for which it did not wait. */
  strays = 0;
  /** Messages that it was told of. */
  readonly told = new Set<string>();
  deliveries = 0;

  /** Starts it. */
  constructor(
    spec: DeviceSpec,
    at: Required<RestAt>,
    parts: {
      readonly random: Random;
      readonly write: (fact: SyncFact) => void;
      readonly asked: (call: string) => void;
      readonly hurry: AbortSignal;
    },
  ) {
    const { name: device, account, scope } = spec;
    this.spec = spec;
    this.#at = at;
    this.#language = languageOf(spec.entry);
    this.#random = parts.random.fork(device);
    this.#write = parts.write;
    this.#asked = parts.asked;
    this.#hurry = parts.hurry;
    this.#write({ k: "device", device, account, scope });
    void this.#connect();
  }

  /** Whether it is let in, and its method can be called. */
  get isServed(): boolean {
    return this.#isOpen && (this.spec.method === undefined || this.#isRegistered);
  }

  /** Says something, and waits for no answer. @returns whether there was a connection */
  say(name: string, data: unknown): boolean {
    if (!this.#isOpen) return false;
    this.#wire?.send(this.#language.event(name, data));
    return true;
  }

  /** Says something, and waits for its answer. @throws DeviceLeft */
  ask(name: string, data: unknown): Promise<unknown> {
    const waiting = Promise.withResolvers<unknown>();
    if (!this.#isOpen) return Promise.reject(new DeviceLeft());
    this.#acks += 1;
    this.#waiting.set(String(this.#acks), waiting);
    this.#wire?.send(this.#language.event(name, data, this.#acks));
    return waiting.promise;
  }

  /** Breaks its connection without a close. */
  drop(): void {
    this.#wire?.terminate();
  }

  /** Does the work that depends on time. Called several times a second. */
  tick(now: number): void {
    if (this.#wire === null) return;
    if (!this.#isOpen && now - this.#openedAt > GREETING_MS) this.#wire.terminate();
    const { ping } = this.#language;
    if (ping === null || !this.#isOpen || now - this.#pingedAt < PING_EVERY_MS) return;
    this.#pingedAt = now;
    this.#wire.send(ping);
  }

  stop(): void {
    this.#isOver = true;
    clearTimeout(this.#retry);
    this.#wire?.terminate();
  }

  async #connect(): Promise<void> {
    try {
      const entrance = await this.#entrance();
      if (this.#isOver) return;
      this.#openedAt = Date.now();
      this.#wire = openWire(entrance, {
        onText: (text) => this.#hear(text),
        onClose: (code) => {
          if (!this.#isOver) this.#write({ k: "closed", device: this.spec.name, code });
          this.#ended();
        },
        onRefused: () => this.#ended(),
      });
    } catch {
      this.#ended();
    }
  }

  async #entrance(): Promise<Entrance> {
    const { entry, scope } = this.spec;
    const { origin, token } = this.#at;
    const url = new URL(`/v1/updates${entry === "socket-io" ? "/" : ""}`, origin);
    url.protocol = "ws:";
    if (entry === "socket-io") {
      url.search = "?EIO=4&transport=websocket";
      return { kind: "socket", url, headers: {} };
    }
    const hello = this.#language.hello(token, scope);
    if (hello !== null) return { kind: "socket", url, headers: {}, hello };
    for (const [name, value] of Object.entries(aboutOf(scope))) url.searchParams.set(name, value);
    if (entry === "header") {
      return { kind: "socket", url, headers: { authorization: `Bearer ${token}` } };
    }
    const path = "/v1/websocket/ticket";
    const { ticket } = await askUntilAnswered(this.#at, path, Ticket, this.#hurry, {});
    url.searchParams.set("ticket", ticket);
    return { kind: "socket", url, headers: {} };
  }

  #hear(text: string): void {
    const heard = this.#language.hear(text);
    if (heard !== null && !this.#isOver) this.#take(heard);
  }

  #take(heard: DeviceHeard): void {
    switch (heard.what) {
      case "greeted":
        this.#wire?.send(this.#language.hello(this.#at.token, this.spec.scope) ?? "");
        return;
      case "ping":
        this.#wire?.send(heard.reply);
        return;
      case "opened":
        return this.#opened();
      case "answer": {
        const waiting = this.#waiting.get(heard.ack);
        this.#waiting.delete(heard.ack);
        if (waiting === undefined) this.strays += 1;
        waiting?.resolve(heard.data);
        return;
      }
      case "call": {
        const { params } = Asked.parse(heard.data);
        this.#asked(params);
        this.#wire?.send(this.#language.answer(heard.id, `${this.spec.name} ${params}`));
        return;
      }
      case "event":
        if (heard.name === "update") this.#updated(heard.data);
        if (heard.name === "rpc-registered") this.#isRegistered = true;
    }
  }

  #opened(): void {
    this.#isOpen = true;
    this.#attempt = 0;
    this.#write({ k: "opened", device: this.spec.name });
    if (this.spec.method !== undefined) this.say("rpc-register", { method: this.spec.method });
  }

  #updated(data: unknown): void {
    const { seq, id, body } = Update.parse(data);
    this.deliveries += 1;
    const { localId } = body.message ?? {};
    if (typeof localId === "string") this.told.add(localId);
    this.#write({ k: "update", device: this.spec.name, seq, id, body });
  }

  #ended(): void {
    this.#wire = null;
    this.#isOpen = false;
    this.#isRegistered = false;
    for (const { reject } of this.#waiting.values()) reject(new DeviceLeft());
    this.#waiting.clear();
    if (this.#isOver) return;
    const pause = this.#random.next() * doublingPause(RETRY_BACKOFF, this.#attempt);
    this.#attempt += 1;
    this.#retry = setTimeout(() => void this.#connect(), pause);
  }
}
