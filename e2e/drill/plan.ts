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
  /** How long events and faults go on, milliseconds. */
  readonly trafficMs: number;
  /** The primary guild's events that are aimed at, by all sources together. */
  readonly events: number;
  readonly otherEvents: number;
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
  clients: 320,
  otherClients: 60,
  rooms: 10,
  roomTurnoverMs: 20_000,
  trafficMs: 300_000,
  events: 3_800,
  otherEvents: 1_500,
  faults: {
    "worker killed": 9,
    "container killed": 8,
    "client link cut": 60,
    "client link stalled": 30,
    "client link slow": 30,
    "hub link cut": 15,
    "hub link stalled": 10,
    "hub link slow": 10,
    "client dropped": 600,
    "reader stalled": 150,
    "position forgotten": 40,
    "position older": 80,
    "position nonsense": 40,
  },
  linkFaultMs: 5_000,
  readerStallMs: 75_000,
  shortTokenSeconds: 45,
  settleMs: 90_000,
};

/** The form that runs with the tests: each kind of fault, in the time that a test may take. */
export const SHORT_DRILL: DrillPlan = {
  clients: 96,
  otherClients: 20,
  rooms: 4,
  // One that a kill interrupts is looked into after half a minute, and holds events for so long.
  roomTurnoverMs: null,
  trafficMs: 18_000,
  events: 560,
  otherEvents: 200,
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
