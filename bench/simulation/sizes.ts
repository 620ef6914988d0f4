import { SOCKETS_PER_HUB, SOCKETS_PER_RELAY } from "../../src/protocol/limits.ts";

/** From this share of its sockets on nobody new is sent to an object (`core/placement.ts`). */
const FULL_AT = 0.8;

/** What the tables of docs/scale.md calculate with; a test holds it against the code. */
export const SIZES = {
  /** Sockets that the hub holds itself, and a relay, when a guild grows beyond them. */
  perHub: SOCKETS_PER_HUB * FULL_AT,
  perRelay: SOCKETS_PER_RELAY * FULL_AT,
  /** Objects that share the rate limits (docs/design/rate-limits.md). */
  limiters: 32,
} as const;
