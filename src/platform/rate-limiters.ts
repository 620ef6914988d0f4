/**
 * Objects that share the counting of rate limits. Each takes about a thousand requests a second, and
 * its database is made once; another number forgets what was counted (docs/design/rate-limits.md).
 */
export const RATE_LIMITERS = 32;
