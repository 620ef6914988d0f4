import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";

/** Now, in milliseconds, again every `intervalMs`. */
export function useNow(intervalMs: number): number {
  const [now, setNow] = useState(() => Date.now());
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), intervalMs);
    return () => clearInterval(timer);
  }, [intervalMs]);
  return now;
}

/** How long something that went stays visible, milliseconds. Longer than the style's fading. */
const LEAVING_MS = 900;

/** An entry of a list; `leaving`: it is gone and fading. */
export type Shown<T> = { readonly item: T; readonly leaving: boolean };

/**
 * The list, with what has just gone still in its place for a moment, so that the eye can follow.
 * @param keyOf must be unique in the list
 */
export function useFollowable<T>(list: readonly T[], keyOf: (item: T) => string): Shown<T>[] {
  const [ghosts, setGhosts] = useState<readonly { readonly item: T; readonly at: number }[]>([]);
  const previous = useRef(list);
  useLayoutEffect(() => {
    const keys = new Set(list.map(keyOf));
    const gone = previous.current
      .map((item, at) => ({ item, at }))
      .filter(({ item }) => !keys.has(keyOf(item)));
    previous.current = list;
    if (gone.length === 0) return;
    setGhosts((now) => [...now, ...gone]);
    setTimeout(() => setGhosts((now) => now.filter((ghost) => !gone.includes(ghost))), LEAVING_MS);
  }, [list, keyOf]);
  const here = new Set(list.map(keyOf));
  const shown = list.map((item) => ({ item, leaving: false }));
  for (const { item, at } of ghosts) {
    if (!here.has(keyOf(item))) shown.splice(at, 0, { item, leaving: true });
  }
  return shown;
}
