import type { Clock } from "../../src/platform/clock.ts";

/** 2015-01-01T00:00:00Z: a Discord id counts its milliseconds from here. */
const DISCORD_EPOCH_MS = 1_420_070_400_000n;
const TIMESTAMP_SHIFT = 22n;
const INCREMENT_MASK = 0xfffn;

/**
 * Makes Discord ids: 64-bit numbers as decimal strings that sort by time. The increment runs over
 * all ids, so two of one millisecond differ.
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

/** Which of `count` shards a guild belongs to: its id's timestamp part, modulo. */
export function shardOf(guildId: string, count: number): number {
  return Number((BigInt(guildId) >> TIMESTAMP_SHIFT) % BigInt(count));
}
