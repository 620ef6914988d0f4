import type { RefObject } from "preact";
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

/** What makes a long list one stop of the Tab key. */
export type Roving = {
  /** For the element that holds the list, or all of its groups. */
  readonly ref: RefObject<HTMLDivElement>;
  readonly onKeyDown: (event: KeyboardEvent) => void;
  readonly onFocusIn: (event: FocusEvent) => void;
  /** Whether that row is the one that Tab leads to. */
  readonly isActive: (key: string) => boolean;
};

const STEPS: Readonly<Record<string, (at: number, rows: number) => number>> = {
  ArrowDown: (at, rows) => Math.min(at + 1, rows - 1),
  ArrowUp: (at) => Math.max(at - 1, 0),
  Home: () => 0,
  End: (_at, rows) => rows - 1,
};

/**
 * Roving focus (WAI-ARIA practices): Tab leads to one row only, the arrow keys to the others. A row is
 * an element with `data-row`, its key; the controls that the arrows go between have `data-column`.
 * @param keys of the rows, in order
 */
export function useRoving(keys: readonly string[]): Roving {
  const ref = useRef<HTMLDivElement>(null);
  const [active, setActive] = useState<string | null>(null);
  const held = useRef<{ readonly key: string; readonly column: string } | null>(null);
  const current = active !== null && keys.includes(active) ? active : (keys[0] ?? null);

  const controls = (): HTMLElement[] => [
    ...(ref.current?.querySelectorAll<HTMLElement>("[data-column]") ?? []),
  ];
  const placeOf = (element: EventTarget | null) => {
    const control =
      element instanceof Element ? element.closest<HTMLElement>("[data-column]") : null;
    const key = control?.closest<HTMLElement>("[data-row]")?.dataset["row"];
    const column = control?.dataset["column"];
    return key === undefined || column === undefined ? null : { key, column };
  };
  const focus = (key: string, column: string): void => {
    controls()
      .find((control) => {
        const place = placeOf(control);
        return place?.key === key && place.column === column;
      })
      ?.focus();
  };

  useLayoutEffect(() => {
    // A row that moves to another group is made anew: the focus goes with it.
    const { current: place } = held;
    if (place === null || document.activeElement !== document.body) return;
    if (keys.includes(place.key)) focus(place.key, place.column);
    else held.current = null;
  });

  return {
    ref,
    isActive: (key) => key === current,
    onFocusIn: ({ target }) => {
      held.current = placeOf(target);
      if (held.current !== null) setActive(held.current.key);
    },
    onKeyDown: (event) => {
      const step = STEPS[event.key];
      const place = placeOf(event.target);
      if (step === undefined || place === null) return;
      const to = keys[step(keys.indexOf(place.key), keys.length)];
      if (to === undefined) return;
      event.preventDefault();
      focus(to, place.column);
    },
  };
}
