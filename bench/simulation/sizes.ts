/** What the tables of docs/scale.md calculate with; a test holds it against the code. */
export const SIZES = {
  /** Sockets that the hub holds itself, and a relay. */
  perHub: 10_000,
  perRelay: 10_000,
  /** Objects that share the rate limits (docs/design/rate-limits.md). */
  limiters: 32,
} as const;
