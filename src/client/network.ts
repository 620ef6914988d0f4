/** The part of a WebSocket that is used: the browser's and that of the `ws` package fit. */
export type SocketLike = {
  send(text: string): void;
  close(code?: number, reason?: string): void;
  addEventListener(type: "message", listener: (event: { readonly data: unknown }) => void): void;
  addEventListener(type: "close", listener: (event: { readonly code: number }) => void): void;
  addEventListener(type: "error", listener: () => void): void;
};

/** What a page or a worker has and Node has not. Structural: a Node project knows no DOM. */
type Surroundings = {
  readonly addEventListener?: Listen;
  readonly document?: { readonly hidden: boolean; readonly addEventListener: Listen };
  readonly navigator?: { readonly onLine?: boolean };
};
type Listen = (type: string, listener: () => void, options: { readonly signal: unknown }) => void;

/** Whether the device says that it has no network. Where nobody says anything, it has one. */
export function isOffline(): boolean {
  return (globalThis as Surroundings).navigator?.onLine === false;
}

/**
 * Calls when there is reason to look after the connection: the network came or went, or the page is
 * in front again. Does nothing in Node.
 * @param ended an AbortSignal: stops it
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
