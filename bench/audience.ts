import path from "node:path";
import { setTimeout as rest } from "node:timers/promises";
import { ACCEPTS_PER_SECOND } from "../src/protocol/limits.ts";
import { Fleet } from "./load/fleet.ts";
import { eventAt } from "./load/stream.ts";
import { PLAN } from "./plan.ts";
import type { Publication, PublishingHub } from "./subjects/subject.ts";
import { cpuSecondsOf } from "./work.ts";

/** The size of a run. */
export type AudiencePlan = Readonly<Record<Manner, Events>> & {
  /** Sockets of the large hub. */
  readonly sockets: number;
  /** Those of them that may see the events. The small hub has no others. */
  readonly readers: number;
  /** Turns of each hub. */
  readonly rounds: number;
};

/** Each event is published in a request of its own, or {@link PLAN.requestEvents} in one. */
const MANNERS = ["lone", "together"] as const;
type Manner = (typeof MANNERS)[number];

/** @property events of one turn; @property forAll those that all sockets get at the end */
type Events = { readonly events: number; readonly forAll: number };

/** What events for a few sockets cost, by who else is connected. Server CPU of an event, milliseconds. */
export type AudienceTrial = {
  readonly sockets: number;
  readonly costs: Readonly<Record<Manner, AudienceCosts>>;
  readonly faults: readonly string[];
};

/** @property everybody an event for all sockets of the large hub */
type AudienceCosts = Readonly<Record<"alone" | "among" | "everybody", number>>;

/** Descriptors that a server needs beside those of its sockets, of which workerd opens two for each. */
const OTHER_DESCRIPTORS = 1_000;

/**
 * How many sockets a server can have: as many as planned, or as a process may open.
 * @param limits the text of `/proc/self/limits`
 */
export function socketsThatFit(planned: number, limits: string): number {
  const files = Number(/^Max open files +(\d+)/m.exec(limits)?.[1] ?? Number.POSITIVE_INFINITY);
  return Math.min(planned, Math.floor((files - OTHER_DESCRIPTORS) / 2));
}

/**
 * Two hubs get the same events in turn: one whose only sockets may see them, and one with thousands of others.
 * @param folder gets a folder for each
 */
export async function runAudience(
  start: (folder: string) => Promise<PublishingHub>,
  folder: string,
  plan: AudiencePlan,
): Promise<AudienceTrial> {
  const sides: Side[] = [];
  const join = async (name: string, others: number): Promise<Side> => {
    const side = new Side(await start(path.join(folder, name)), plan);
    sides.push(side);
    await side.open(others);
    return side;
  };
  try {
    const alone = await join("alone", 0);
    const among = await join("among", plan.sockets - plan.readers);
    for (let round = 0; round < plan.rounds; round += 1) {
      for (const manner of MANNERS) for (const side of sides) await side.measure(manner);
    }
    const costsOf = async (manner: Manner): Promise<AudienceCosts> => ({
      alone: alone.costOf(manner),
      among: among.costOf(manner),
      everybody: await among.tellAll(manner),
    });
    const costs = { lone: await costsOf("lone"), together: await costsOf("together") };
    for (const side of sides) await side.close();
    return { sockets: plan.sockets, costs, faults: sides.flatMap(({ faults }) => faults) };
  } finally {
    for (const { hub } of sides) await hub.stop();
  }
}

/** A hub with its readers, and perhaps with others that see nothing of it until everybody is told something. */
class Side {
  readonly hub: PublishingHub;
  readonly #plan: AudiencePlan;
  /** As of a private room: its owner and those who are let in, and whoever manages all rooms. */
  readonly #audience: readonly string[];
  readonly #readers = new Fleet(0);
  readonly #others: Fleet;
  readonly #cpuSeconds = { lone: 0, together: 0 };
  #next = 0;

  constructor(hub: PublishingHub, plan: AudiencePlan) {
    this.hub = hub;
    this.#plan = plan;
    const users = Array.from({ length: plan.readers }, (_, index) => `sub:user-${index}`);
    this.#audience = [...users, "scope:rooms:manage"];
    // Before it are the events of the turns, and of one more that lets hot code be compiled.
    const perTurn = plan.lone.events + plan.together.events;
    this.#others = new Fleet((1 + plan.rounds) * perTurn);
  }

  get faults(): readonly string[] {
    return [...this.#readers.faults, ...this.#others.faults];
  }

  /** Connects the readers and so many others, no faster than a hub accepts them. */
  async open(others: number): Promise<void> {
    const { clientOf } = this.hub;
    const { readers } = this.#plan;
    await this.#readers.open(readers, PLAN.connecting, clientOf);
    for (let opened = 0; opened < others; opened += ACCEPTS_PER_SECOND) {
      const count = Math.min(ACCEPTS_PER_SECOND, others - opened);
      const isLast = opened + count === others;
      const second = isLast ? undefined : rest(1_000);
      await this.#others.open(count, PLAN.connecting, (at) => clientOf(readers + opened + at));
      await second;
    }
    for (const manner of MANNERS) {
      await this.#tell(manner, this.#plan[manner].events, this.#audience);
    }
    await rest(PLAN.settleMs);
  }

  /** One turn. */
  async measure(manner: Manner): Promise<void> {
    const { events } = this.#plan[manner];
    const work = (): Promise<void> => this.#tell(manner, events, this.#audience);
    this.#cpuSeconds[manner] += await cpuSecondsOf(this.hub, work);
  }

  /** Server CPU of an event in all turns, milliseconds. */
  costOf(manner: Manner): number {
    return (this.#cpuSeconds[manner] * 1_000) / (this.#plan[manner].events * this.#plan.rounds);
  }

  /** Publishes events that everybody may see. @returns server CPU of an event, milliseconds */
  async tellAll(manner: Manner): Promise<number> {
    const { forAll } = this.#plan[manner];
    const work = (): Promise<void> => this.#tell(manner, forAll, null);
    return ((await cpuSecondsOf(this.hub, work)) * 1_000) / forAll;
  }

  /** Closes all sockets, and checks that each got what it may see, and nothing else. */
  async close(): Promise<void> {
    await this.#readers.close(this.#next);
    await this.#others.close(this.#next);
  }

  async #tell(manner: Manner, events: number, audience: Publication["audience"]): Promise<void> {
    const inRequest = manner === "lone" ? 1 : PLAN.requestEvents;
    const fleets = audience === null ? [this.#readers, this.#others] : [this.#readers];
    for (let sent = 0; sent < events; sent += inRequest) {
      const publications = Array.from(
        { length: Math.min(inRequest, events - sent) },
        (_, at): Publication => {
          const { event, payload } = eventAt(this.#next + at, "");
          return { event, payload, audience, topic: null };
        },
      );
      const count = publications.length;
      this.#next += count;
      const received = fleets.map((fleet) => fleet.receive(count, fleet.received));
      await Promise.all([this.hub.publish(publications), ...received]);
    }
  }
}
