import { randomBytes } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { z } from "zod";
import { PRIMARY_GUILD } from "../dev/discord/seed.ts";
import { startIdentity, type Identity } from "../dev/testing/identity.ts";
import { queuedBytes, usageOf } from "../dev/testing/process-usage.ts";
import {
  flood as floodHub,
  startFilledHub,
  untilAllHave,
  type FilledHub,
} from "../dev/testing/stalled/filled-hub.ts";
import { Reader, type ReaderOptions, type ReaderTransport } from "../dev/testing/stalled/reader.ts";
import { bundleWorker } from "../dev/workerd/worker-bundle.ts";
import { HubConnection, HubReport } from "../src/protocol/hub-report.ts";
import { CREDIT_WINDOW_BYTES, UNACKNOWLEDGED_BYTES_MAX } from "../src/protocol/limits.ts";
import { eventually } from "../dev/testing/eventually.ts";

const STALLED = 200;
/** Clients behind one of the Worker's adapters that stall, and how many of them read on. */
const STALLED_AT_EDGE = 40;
const READING_ON = 8;
/** Time between two looks at the hub's report, milliseconds: operators have a limit as well. */
const REPORT_EVERY_MS = 1_000;
/** Size of one event, and number of events in one turn: together a megabyte. */
const EVENT_BYTES = 10_000;
const TURN_EVENTS = 100;
/** A hundred megabytes, in turns. */
const FLOOD = 100;
/** Less than the journal holds, so that a client that stalled in the meantime can be fed from it. */
const SHORT_FLOOD = 20;

const MIB = 1024 * 1024;
/**
 * What all stalled readers may cost beyond readers that read: for each its window, and as much again for what the
 * runtime needs to hold it and for garbage that V8 has not collected yet. Without flow control they would cost a
 * hundred megabytes each.
 */
const STALLED_MAX_BYTES = STALLED * 2 * CREDIT_WINDOW_BYTES;
/**
 * What stalled clients of an adapter may cost beyond such clients that read: an eighth of what they would cost
 * without flow control. Two windows for each are less than that, but the garbage of the Worker's requests comes and
 * goes. So the windows themselves are taken from what the hub says of each connection.
 */
const STALLED_AT_EDGE_MAX_BYTES = (STALLED_AT_EDGE * SHORT_FLOOD * TURN_EVENTS * EVENT_BYTES) / 8;
/** The same for three users that never sent a frame: what the runtime needs to hold a frame is added to it. */
const SILENT_MAX_BYTES = 3 * UNACKNOWLEDGED_BYTES_MAX * 1.25;

let folder: string;
let identity: Identity;
let hub: FilledHub;
let users = 0;
/** Readers that are always connected, and read everything. */
let keepUp: readonly Reader[];
const opened: { leave: () => void }[] = [];
/** Whose clients the readers are. */
const subs = new Map<Reader, string>();

beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), "guildhub-stalled-"));
  identity = await startIdentity(2 * (STALLED + 3 * STALLED_AT_EDGE) + 50);
  const secret = randomBytes(32).toString("hex");
  const bundle = await bundleWorker(path.join(folder, "bundle"));
  hub = await startFilledHub({ bundle, identity, secret }, folder);
  keepUp = [
    await join({ shows: "acknowledges" }),
    await join({ shows: "acknowledges", batch: true }),
    await join({ shows: "nothing", by: "stream" }),
    await join({ shows: "nothing", by: "socket-io" }),
    await join({ shows: "acknowledges", by: "first-frame" }),
  ];
  // After this flood the memory includes what a hub keeps anyway: pages of the journal and compiled code.
  await flood(FLOOD);
});

afterAll(async () => {
  for (const reader of opened) reader.leave();
  await hub.stop();
  await identity.close();
  await rm(folder, { recursive: true, force: true, maxRetries: 5 });
});

async function join(
  options: Pick<ReaderOptions, "shows" | "batch" | "by" | "pingEveryMs">,
  user = users++,
): Promise<Reader> {
  const reader = new Reader({ port: hub.port, token: identity.tokenOf(user), ...options });
  opened.push(reader);
  subs.set(reader, `user-${user}`);
  await reader.connect();
  return reader;
}

/** Connects, shows once that it is alive, and never reads again. */
async function joinAndStall(
  options: Pick<ReaderOptions, "shows" | "batch" | "by">,
  user?: number,
): Promise<Reader> {
  const reader = await join(options, user);
  reader.stall();
  return reader;
}

/** Asks the hub as an operator. */
async function ask(where = ""): Promise<unknown> {
  const token = await identity.token("operator", { scope: "hub:admin" });
  const url = `http://127.0.0.1:${hub.port}/admin/guilds/${PRIMARY_GUILD}/hub${where}`;
  return (await fetch(url, { headers: { Authorization: `Bearer ${token}` } })).json();
}

/** The hub's report for operators. */
async function report(): Promise<HubReport> {
  return HubReport.parse(await ask());
}

const Connections = z.object({ connections: z.array(HubConnection) });

/**
 * What the hub has sent each of these readers beyond what was acknowledged, in bytes of events: less than it really
 * is, by the rest of their frames. Readers that the hub has given up are left out.
 */
async function openBytesOf(readers: readonly Reader[]): Promise<number[]> {
  const open: number[] = [];
  for (const reader of readers) {
    const { connections } = Connections.parse(await ask(`/connections?sub=${subs.get(reader)}`));
    for (const { sent, acked, from } of connections)
      open.push((sent - (acked ?? from)) * EVENT_BYTES);
  }
  return open;
}

async function residentBytes(): Promise<number> {
  return (await usageOf(hub.pid)).residentKib * 1024;
}

/**
 * Publishes no faster than the healthy readers read. A hub without flow control would use all memory, so this
 * fails as soon as the hub uses more than `memoryMax` bytes.
 * @returns seq of the last event
 */
async function flood(turns: number, memoryMax = Number.POSITIVE_INFINITY): Promise<number> {
  const plan = { turns, events: TURN_EVENTS, bytes: EVENT_BYTES };
  return floodHub(hub, keepUp, plan, async () => {
    expect(await residentBytes()).toBeLessThan(memoryMax);
  });
}

/**
 * The most memory that the hub uses while so many additional readers read a flood. It is what stalled readers are
 * compared with: the same machine, the same events, as many sockets.
 */
async function memoryWithReading(
  count: number,
  turns: number,
  by?: ReaderTransport,
): Promise<number> {
  const readers: Reader[] = [];
  for (let at = 0; at < count; at += 1) {
    readers.push(await join({ ...readingBy(by), batch: at % 4 < 2 }));
  }
  const plan = { turns: 1, events: TURN_EVENTS, bytes: EVENT_BYTES };
  let most = await residentBytes();
  for (let turn = 0; turn < turns; turn += 1) {
    await floodHub(hub, [...keepUp, ...readers], plan);
    most = Math.max(most, await residentBytes());
  }
  expect(faultsOf(readers)).toEqual([]);
  for (const reader of readers) reader.leave();
  return most;
}

/** Options of a reader that is served by an adapter of the Worker. It shows what it has read, if it can. */
function readingBy(by: ReaderTransport | undefined): Pick<ReaderOptions, "shows" | "by"> {
  const isShownForIt = by === "stream" || by === "socket-io";
  return { shows: isShownForIt ? "nothing" : "acknowledges", ...(by === undefined ? {} : { by }) };
}

/** Says by how much stalled readers cost more than readers that read. */
async function reportBeyond(memoryReading: number): Promise<void> {
  const beyond = ((await residentBytes()) - memoryReading) / MIB;
  console.log(
    `with stalled readers the hub uses ${Math.round(beyond)} MiB more than with reading ones`,
  );
}

function faultsOf(readers: readonly Reader[]): string[] {
  return readers.flatMap(({ sequence }) => sequence.faults);
}

/**
 * Reads again. The client is fed in order, or is closed with 1013 and reconnects; in the end it has
 * everything.
 */
async function untilWhole(readers: readonly Reader[], seq: number): Promise<void> {
  for (const reader of readers) reader.readOn();
  const sentAway = new Set<Reader>();
  await Promise.all(
    readers.map((reader) =>
      eventually("the reader has everything", async () => {
        if (reader.closedWith !== null) {
          if (!sentAway.has(reader)) expect(reader.closedWith).toBe(1013);
          sentAway.add(reader);
          // When too many connect at once, some are refused and try again.
          await reader.connect();
        }
        expect(reader.seq).toBeGreaterThanOrEqual(seq);
      }),
    ),
  );
}

it("HUB-10 two hundred readers that stall cost a window each, and other readers lose no event", async () => {
  const allowed = (await memoryWithReading(STALLED, SHORT_FLOOD)) + STALLED_MAX_BYTES;
  const pinging = [
    await join({ shows: "pings", pingEveryMs: 200 }),
    await join({ shows: "pings", pingEveryMs: 200, batch: true }),
  ];
  const stalled: Reader[] = [];
  for (let at = 0; at < STALLED; at += 1) {
    const shows = at % 2 === 0 ? "acknowledges" : "pings";
    stalled.push(await joinAndStall({ shows, batch: at % 4 < 2 }));
  }
  const small = await hub.fill(10, EVENT_BYTES);
  await untilAllHave([...keepUp, ...pinging], small);
  const short = await flood(SHORT_FLOOD, allowed);
  const acknowledging = stalled.filter((_, at) => at % 20 === 0);
  for (const reader of acknowledging) reader.readOn();
  await untilAllHave(acknowledging, short);
  // They got the events on their existing connections, and stall again.
  expect(acknowledging.map(({ snapshots }) => snapshots)).toEqual(acknowledging.map(() => 1));
  for (const reader of acknowledging) reader.stall();

  // Four times as much costs no more.
  await flood(FLOOD - SHORT_FLOOD, allowed);
  const queued = await queuedBytes(hub.port);
  await reportBeyond(allowed - STALLED_MAX_BYTES);
  for (const { localPort } of stalled) {
    expect(queued.get(localPort)).toBeGreaterThan(0);
    expect(queued.get(localPort)).toBeLessThan(CREDIT_WINDOW_BYTES + EVENT_BYTES);
  }

  const last = await hub.fill(1, 0);
  await untilAllHave(keepUp, last);
  await untilWhole([...stalled, ...pinging], last);
  const everybody = [...keepUp, ...pinging, ...stalled];
  expect(faultsOf(everybody)).toEqual([]);
  // The readers that kept up never got a snapshot instead of events.
  expect(keepUp.map(({ snapshots }) => snapshots)).toEqual([1, 1, 1, 1, 1]);
  for (const reader of [...stalled, ...pinging]) reader.leave();
});

it.each([
  ["streams over HTTP", "stream"],
  ["clients of Socket.IO", "socket-io"],
  ["clients that authenticate by their first frame", "first-frame"],
] as const)(
  "HUB-10 HUB-24 %s that stall cost a window in the hub and one in the Worker, and lose nothing",
  async (_, by) => {
    const reading = await memoryWithReading(STALLED_AT_EDGE, SHORT_FLOOD, by);
    const allowed = reading + STALLED_AT_EDGE_MAX_BYTES;
    const { sockets: before, closes: closedBefore } = await report();
    const stalled: Reader[] = [];
    for (let at = 0; at < STALLED_AT_EDGE; at += 1) {
      stalled.push(await joinAndStall({ ...readingBy(by), batch: at % 2 === 0 }));
    }
    // Without flow control up to the Worker's client the Worker would hold 800 MB.
    const last = await flood(SHORT_FLOOD, allowed);
    await reportBeyond(reading);
    // The hub holds back what they have not taken, and on a slow machine has given some of them up.
    const { lag, closes } = await report();
    const givenUp = (closes["1013"] ?? 0) - (closedBefore["1013"] ?? 0);
    expect(lag.sockets + givenUp).toBe(STALLED_AT_EDGE);
    // What the Worker holds for a client is a part of that. Memory alone would not show a few windows more.
    const open = await openBytesOf(stalled);
    expect(open.length).toBe(lag.sockets);
    expect(Math.max(...open)).toBeLessThanOrEqual(CREDIT_WINDOW_BYTES);
    expect(Math.min(...open)).toBeGreaterThan(CREDIT_WINDOW_BYTES / 2);

    const readingOn = stalled.slice(0, READING_ON);
    await untilWhole(readingOn, last);
    expect(faultsOf([...keepUp, ...readingOn])).toEqual([]);
    // They got every event: nothing was replaced by a snapshot.
    expect(readingOn.map(({ snapshots }) => snapshots)).toEqual(readingOn.map(() => 1));
    for (const reader of stalled) reader.leave();
    const closed = async (): Promise<void> => {
      expect((await report()).sockets).toBeLessThanOrEqual(before);
    };
    await eventually("the hub has closed their sessions", closed, undefined, REPORT_EVERY_MS);
  },
);

it("HUB-10 readers that never sent a frame cost 16 MB for each user and are then closed", async () => {
  const allowed = (await memoryWithReading(4, SHORT_FLOOD)) + SILENT_MAX_BYTES;
  const sharing = users++;
  const silent = [
    await joinAndStall({ shows: "nothing" }),
    await joinAndStall({ shows: "nothing", batch: true }),
    await joinAndStall({ shows: "nothing" }, sharing),
    await joinAndStall({ shows: "nothing", batch: true }, sharing),
  ];
  const last = await flood(SHORT_FLOOD, allowed);
  await reportBeyond(allowed - SILENT_MAX_BYTES);

  for (const reader of silent) reader.readOn();
  await eventually("all were closed with 1013", () => {
    expect(silent.map(({ closedWith }) => closedWith)).toEqual(silent.map(() => 1013));
  });
  const bytes = silent.map(({ sequence }) => sequence.events * EVENT_BYTES);
  const [alone = 0, batching = 0, shared = 0, other = 0] = bytes;
  for (const one of [alone, batching, shared + other]) {
    expect(one).toBeLessThanOrEqual(UNACKNOWLEDGED_BYTES_MAX);
    expect(one).toBeGreaterThan(UNACKNOWLEDGED_BYTES_MAX / 2);
  }
  await untilWhole(silent, last);
  // After they reconnect, nothing counts against them. The other two readers share a user, and have used up its 16
  // MB with the events that they missed.
  const single = silent.slice(0, 2);
  const more = await flood(2);
  await untilAllHave(single, more);
  expect(single.map(({ closedWith }) => closedWith)).toEqual([null, null]);
  expect(faultsOf([...keepUp, ...silent])).toEqual([]);
  for (const reader of silent) reader.leave();
});
