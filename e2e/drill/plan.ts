/** Faults that a period of the full drill injects, of each kind. */
const FULL_FAULTS = {
  "worker killed": 5,
  "container killed": 5,
  "client link cut": 38,
  "client link stalled": 23,
  "client link slow": 23,
  "hub link cut": 12,
  "hub link stalled": 8,
  "hub link slow": 8,
  "client dropped": 450,
  "reader stalled": 112,
  /** On a link without other faults, for so long that the hub gives the client up (HUB-10). */
  "reader lost": 10,
  "position forgotten": 30,
  "position older": 60,
  "position nonsense": 45,
  "caller dropped": 60,
  "caller link cut": 10,
  "caller link stalled": 10,
  "calls killed": 6,
  "device dropped": 120,
};
export type FaultKind = keyof typeof FULL_FAULTS;

/** Parameters of a drill. */
export type DrillPlan = {
  /** Clients of the primary guild besides the observers, and of a second guild. */
  readonly clients: number;
  readonly otherClients: number;
  /** Clients of a hub of an account, which call each other, and their calls per second, all together. */
  readonly callers: number;
  readonly callsPerSecond: number;
  /** Accounts with seven devices each, and what they do per second, all together. */
  readonly accounts: number;
  readonly accountActionsPerSecond: number;
  /** Rooms of the primary guild; every second one is private. */
  readonly rooms: number;
  /** Interval at which a room opens and another ends, milliseconds; null: only at the beginning. */
  readonly roomTurnoverMs: number | null;
  /** Events and faults last at least this long, and until enough was delivered, milliseconds. */
  readonly trafficMs: number;
  readonly deliveries: number;
  /** They end after this time in any case, milliseconds. */
  readonly trafficMaxMs: number;
  /** Target of events per second in each guild, from all its sources together. */
  readonly eventsPerSecond: number;
  readonly otherEventsPerSecond: number;
  /** Length of a period, milliseconds; the faults are counted per period. */
  readonly periodMs: number;
  /** Whether periods repeat; otherwise the rest has events without faults. */
  readonly repeats: boolean;
  readonly faults: Readonly<Record<FaultKind, number>>;
  /** Processes are killed in this first part of each period; readers are lost right after it. */
  readonly killsUntil: number;
  /** Longest fault of a link, and longest time without reading, milliseconds. */
  readonly linkFaultMs: number;
  readonly readerStallMs: number;
  readonly readerLostMs: number;
  /** Lifetime of tokens that expire during the drill, seconds. */
  readonly shortTokenSeconds: number;
  /** Deadline for everything after the faults, milliseconds. */
  readonly settleMs: number;
};

/** TCP links between the clients and the Worker, each with its own faults; the last one has none. */
export const CLIENT_LINKS = 9;

/** `npm run drill`: more than 1,000,000 deliveries within ten minutes on two cores. */
export const FULL_DRILL: DrillPlan = {
  clients: 360,
  otherClients: 60,
  callers: 30,
  callsPerSecond: 40,
  accounts: 6,
  accountActionsPerSecond: 40,
  rooms: 10,
  roomTurnoverMs: 20_000,
  trafficMs: 390_000,
  deliveries: 1_020_000,
  trafficMaxMs: 450_000,
  eventsPerSecond: 22,
  otherEventsPerSecond: 10,
  periodMs: 240_000,
  repeats: true,
  faults: FULL_FAULTS,
  killsUntil: 0.22,
  linkFaultMs: 5_000,
  readerStallMs: 40_000,
  // The window is full after about a minute, and the hub closes the client a minute later.
  readerLostMs: 165_000,
  shortTokenSeconds: 45,
  settleMs: 90_000,
};

/** The form that runs with the tests: each kind of fault, in the time that a test may take. */
export const SHORT_DRILL: DrillPlan = {
  clients: 110,
  otherClients: 20,
  callers: 12,
  callsPerSecond: 30,
  accounts: 2,
  accountActionsPerSecond: 20,
  rooms: 4,
  // The repair of a creation that a kill interrupted starts after half a minute, and events are held until
  // then.
  roomTurnoverMs: null,
  trafficMs: 18_000,
  deliveries: 52_000,
  trafficMaxMs: 28_000,
  eventsPerSecond: 38,
  otherEventsPerSecond: 14,
  periodMs: 18_000,
  repeats: false,
  faults: {
    "worker killed": 1,
    "container killed": 1,
    "client link cut": 4,
    "client link stalled": 3,
    "client link slow": 3,
    "hub link cut": 1,
    "hub link stalled": 1,
    "hub link slow": 1,
    "client dropped": 30,
    "reader stalled": 16,
    "reader lost": 2,
    "position forgotten": 4,
    "position older": 6,
    "position nonsense": 6,
    "caller dropped": 6,
    "caller link cut": 2,
    "caller link stalled": 2,
    "calls killed": 2,
    "device dropped": 8,
  },
  killsUntil: 0.7,
  linkFaultMs: 1_500,
  readerStallMs: 6_000,
  readerLostMs: 8_000,
  shortTokenSeconds: 8,
  settleMs: 90_000,
};
