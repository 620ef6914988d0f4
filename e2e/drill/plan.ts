/** How many of each kind of fault a run injects. */
type FaultCounts = {
  readonly "worker killed": number;
  readonly "container killed": number;
  readonly "client link cut": number;
  readonly "client link stalled": number;
  readonly "client link slow": number;
  readonly "hub link cut": number;
  readonly "hub link stalled": number;
  readonly "hub link slow": number;
  readonly "client dropped": number;
  readonly "reader stalled": number;
  /** On a link that nothing else happens to, for so long that the hub gives it up (HUB-10). */
  readonly "reader lost": number;
  readonly "position forgotten": number;
  readonly "position older": number;
  readonly "position nonsense": number;
};
export type FaultKind = keyof FaultCounts;

/** What one drill does. */
export type DrillPlan = {
  /** Clients of the primary guild beside those who see everything, and of a second guild. */
  readonly clients: number;
  readonly otherClients: number;
  /** Rooms of the primary guild; every second one is private. */
  readonly rooms: number;
  /** A room opens and another ends this often, milliseconds; null: only at the beginning. */
  readonly roomTurnoverMs: number | null;
  /** Events and faults go on for so long at least, and until so much was delivered, milliseconds. */
  readonly trafficMs: number;
  readonly deliveries: number;
  /** Then they end, whatever was delivered, milliseconds. */
  readonly trafficMaxMs: number;
  /** Events a second that are aimed at, of each guild and from all its sources together. */
  readonly eventsPerSecond: number;
  readonly otherEventsPerSecond: number;
  /** Faults in each period, and how long that is, milliseconds. */
  readonly periodMs: number;
  /** Whether one period follows another; else there are events without faults after it. */
  readonly repeats: boolean;
  readonly faults: FaultCounts;
  /** Processes are killed in this first part of each period; readers are lost right after it. */
  readonly killsUntil: number;
  /** Longest fault of a link, and longest time that a reader does not read, milliseconds. */
  readonly linkFaultMs: number;
  readonly readerStallMs: number;
  readonly readerLostMs: number;
  /** Life of the tokens of clients that let them expire, seconds. */
  readonly shortTokenSeconds: number;
  /** Everything that is waited for after the faults, milliseconds. */
  readonly settleMs: number;
};

/** TCP links between the clients and the Worker, each with faults of its own; the last has none. */
export const CLIENT_LINKS = 9;

/** `npm run drill`: more than 1,000,000 deliveries within ten minutes on two cores. */
export const FULL_DRILL: DrillPlan = {
  clients: 360,
  otherClients: 60,
  rooms: 10,
  roomTurnoverMs: 20_000,
  trafficMs: 390_000,
  deliveries: 1_020_000,
  trafficMaxMs: 450_000,
  eventsPerSecond: 22,
  otherEventsPerSecond: 10,
  periodMs: 240_000,
  repeats: true,
  faults: {
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
    "reader lost": 10,
    "position forgotten": 30,
    "position older": 60,
    "position nonsense": 45,
  },
  killsUntil: 0.22,
  linkFaultMs: 5_000,
  readerStallMs: 40_000,
  // The window is full after about a minute, and a minute later the hub's patience ends.
  readerLostMs: 165_000,
  shortTokenSeconds: 45,
  settleMs: 90_000,
};

/** The form that runs with the tests: each kind of fault, in the time that a test may take. */
export const SHORT_DRILL: DrillPlan = {
  clients: 110,
  otherClients: 20,
  rooms: 4,
  // One that a kill interrupts is looked into after half a minute, and holds events for so long.
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
  },
  killsUntil: 0.7,
  linkFaultMs: 1_500,
  readerStallMs: 6_000,
  readerLostMs: 8_000,
  shortTokenSeconds: 8,
  settleMs: 90_000,
};
