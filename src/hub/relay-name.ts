/** Name of a relay as a Durable Object. Guild ids have no colon. */
export function relayName(guildId: string, index: number): string {
  return `${guildId}:${index}`;
}

/** Reads {@link relayName}; null: it is not one. */
export function readRelayName(
  name: string | undefined,
): { readonly guildId: string; readonly index: number } | null {
  const parts = /^([^:]+):(\d{1,6})$/.exec(name ?? "");
  return parts?.[1] === undefined ? null : { guildId: parts[1], index: Number(parts[2]) };
}
