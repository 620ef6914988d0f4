/** The part of a WebSocket that the client uses. The browser's class and that of the `ws` package have it. */
export type SocketLike = {
  send(text: string): void;
  close(code?: number, reason?: string): void;
  addEventListener(type: "message", listener: (event: { readonly data: unknown }) => void): void;
  addEventListener(type: "close", listener: (event: { readonly code: number }) => void): void;
  addEventListener(type: "error", listener: () => void): void;
};

/**
 * Globals that a page or a worker has, but Node does not. Written out, because a Node project has no DOM types.
 */
type Surroundings = {
  readonly addEventListener?: Listen;
  readonly document?: { readonly hidden: boolean; readonly addEventListener: Listen };
  readonly navigator?: { readonly onLine?: boolean };
};
type Listen = (type: string, listener: () => void, options: { readonly signal: unknown }) => void;

/** Whether the device reports that it has no network. Without a report it counts as online. */
export function isOffline(): boolean {
  return (globalThis as Surroundings).navigator?.onLine === false;
}

/**
 * Calls `onChange` when the connection should be checked: the network came or went, or the page is visible again.
 * Does nothing in Node.
 * @param ended an AbortSignal that removes the listeners
 */
export function watchNetwork(ended: unknown, onChange: () => void): void {
  const { addEventListener, document } = globalThis as Surroundings;
  const options = { signal: ended };
  for (const type of ["online", "offline"]) addEventListener?.(type, onChange, options);
  document?.addEventListener(
    "visibilitychange",
    () => {
      if (!document.hidden) onChange();
    },
    options,
  );
}
