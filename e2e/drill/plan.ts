/** How many of each kind of fault a run injects. */
export type FaultCounts = {
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
  /** Longest fault of a link, and longest time that a reader does not read, milliseconds. */
  readonly linkFaultMs: number;
  readonly readerStallMs: number;
  /** Life of the tokens of clients that let them expire, seconds. */
  readonly shortTokenSeconds: number;
  /** Everything that is waited for after the faults, milliseconds. */
  readonly settleMs: number;
};

/** TCP links between the clients and the Worker, each with faults of its own. */
export const CLIENT_LINKS = 8;

/** `npm run drill`: more than 1,000,000 deliveries within ten minutes on two cores. */
export const FULL_DRILL: DrillPlan = {
  clients: 360,
  otherClients: 60,
  rooms: 10,
  roomTurnoverMs: 20_000,
  trafficMs: 180_000,
  deliveries: 1_040_000,
  trafficMaxMs: 440_000,
  eventsPerSecond: 22,
  otherEventsPerSecond: 10,
  periodMs: 60_000,
  repeats: true,
  faults: {
    "worker killed": 2,
    "container killed": 2,
    "client link cut": 10,
    "client link stalled": 6,
    "client link slow": 6,
    "hub link cut": 3,
    "hub link stalled": 2,
    "hub link slow": 2,
    "client dropped": 120,
    "reader stalled": 30,
    "position forgotten": 8,
    "position older": 16,
    "position nonsense": 12,
  },
  linkFaultMs: 5_000,
  readerStallMs: 75_000,
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
    "position forgotten": 4,
    "position older": 6,
    "position nonsense": 6,
  },
  linkFaultMs: 1_500,
  readerStallMs: 6_000,
  shortTokenSeconds: 8,
  settleMs: 30_000,
};
