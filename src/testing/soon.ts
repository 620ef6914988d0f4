/**
 * How `vi.waitFor` and `vi.waitUntil` wait: until the machine is surely not just busy. Without it they give
 * up after a second.
 */
export const SOON = { timeout: 120_000, interval: 10 } as const;
