import type { Clock } from "../../src/platform/clock.ts";

/** 2015-01-01T00:00:00Z, from which a Discord id counts milliseconds. */
const DISCORD_EPOCH_MS = 1_420_070_400_000n;
const TIMESTAMP_SHIFT = 22n;
const INCREMENT_MASK = 0xfffn;

/**
 * Creates Discord ids: 64-bit numbers as decimal strings that sort by time. The increment continues over all ids,
 * so up to 4096 ids of one millisecond differ.
 */
export function snowflakeGenerator(clock: Clock): () => string {
  let increment = 0n;
  return () => {
    increment = (increment + 1n) & INCREMENT_MASK;
    const sinceEpoch = BigInt(clock()) - DISCORD_EPOCH_MS;
    return ((sinceEpoch << TIMESTAMP_SHIFT) | increment).toString();
  };
}

/** Whether a text has the form of a Discord id. */
export function isSnowflake(text: string): boolean {
  return /^[1-9]\d{14,19}$/.test(text);
}

/** The shard of a guild: the timestamp of its id modulo `count`. */
export function shardOf(guildId: string, count: number): number {
  return Number((BigInt(guildId) >> TIMESTAMP_SHIFT) % BigInt(count));
}
