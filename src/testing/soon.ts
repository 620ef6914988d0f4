/**
 * Options for `vi.waitFor` and `vi.waitUntil`. Without them they give up after a second, which is too short on a
 * busy machine.
 */
export const SOON = { timeout: 120_000, interval: 10 } as const;
