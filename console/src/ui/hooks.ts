import { useSignal } from "@preact/signals";
import type { RefObject } from "preact";
import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import type { Failure } from "../../../src/client/outcome.ts";
import { type Attempt, failureInWords } from "../failure-words.ts";
import type { Guild } from "../guild.ts";
import { type Connection, passesWith } from "../notices.ts";
import { howManyFit } from "../room-list.ts";
import { HeldFocus, type RowPlace } from "./held-focus.ts";

/** The current time in milliseconds, updated every `intervalMs`. */
export function useNow(intervalMs: number): number {
  const [now, setNow] = useState(() => Date.now());
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), intervalMs);
    return () => clearInterval(timer);
  }, [intervalMs]);
  return now;
}

/** Why something failed, shown beside it. */
export type Problem = {
  /** Empty: nothing to show. */
  readonly text: string;
  readonly show: (failure: Failure) => void;
  readonly clear: () => void;
};

/** A problem that disappears when the connection that caused it is restored. */
export function useProblem(guild: Guild, attempt: Attempt): Problem {
  const failure = useSignal<Failure | null>(null);
  const clear = (): void => {
    failure.value = null;
  };
  const recovered = (which: Connection): void => {
    if (failure.value !== null && passesWith(failure.value) === which) clear();
  };
  const { stream, discord } = guild.recoveries;
  useEffect(() => recovered("stream"), [stream.value]);
  useEffect(() => recovered("discord"), [discord.value]);
  return {
    text: failure.value === null ? "" : failureInWords(failure.value, attempt),
    show: (why) => {
      failure.value = why;
    },
    clear,
  };
}

/** How long a removed entry stays visible, milliseconds. Longer than the CSS fade. */
const LEAVING_MS = 900;

/** An entry of a list; `leaving`: it was removed and is fading. */
export type Shown<T> = { readonly item: T; readonly leaving: boolean };

/**
 * The list, with just removed entries still in place for a moment, so that the eye can follow.
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

/**
 * How many people of a list in one line fit, kept true while widths change.
 * @param total number of people, also of those without an element. The last element of the list is the note
 * of how many do not fit; it is there even if it says nothing, to be measured.
 */
export function useFitting(total: number): {
  readonly ref: RefObject<HTMLUListElement>;
  readonly fitting: number;
} {
  const ref = useRef<HTMLUListElement>(null);
  const [fitting, setFitting] = useState(total);
  const measure = (): void => {
    if (ref.current === null) return;
    const widthOf = (element: Element): number => element.getBoundingClientRect().width;
    const widths = [...ref.current.children].map(widthOf);
    const more = widths.pop() ?? 0;
    setFitting(howManyFit({ widths, total, space: widthOf(ref.current), more }));
  };
  useLayoutEffect(measure);
  useLayoutEffect(() => {
    if (ref.current === null) return undefined;
    const observer = new ResizeObserver(measure);
    observer.observe(ref.current);
    return () => observer.disconnect();
  }, [total]);
  return { ref, fitting };
}

/** Makes a long list one stop of the Tab key. */
export type Roving = {
  /** For the element that contains the list, or all of its groups. */
  readonly ref: RefObject<HTMLDivElement>;
  readonly onKeyDown: (event: KeyboardEvent) => void;
  readonly onFocusIn: (event: FocusEvent) => void;
  /** Whether Tab leads to that row. */
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
  const held = useRef(new HeldFocus()).current;
  const current = active !== null && keys.includes(active) ? active : (keys[0] ?? null);

  const controls = (): HTMLElement[] => [
    ...(ref.current?.querySelectorAll<HTMLElement>("[data-column]") ?? []),
  ];
  const placeOf = (element: EventTarget | null): RowPlace | null => {
    const control =
      element instanceof Element && ref.current?.contains(element) === true
        ? element.closest<HTMLElement>("[data-column]")
        : null;
    const key = control?.closest<HTMLElement>("[data-row]")?.dataset["row"];
    const column = control?.dataset["column"];
    return key === undefined || column === undefined ? null : { key, column };
  };
  const focus = ({ key, column }: RowPlace): void => {
    controls()
      .find((control) => {
        const place = placeOf(control);
        return place?.key === key && place.column === column;
      })
      ?.focus();
  };

  useEffect(() => {
    const turn = ({ target }: Event): void => {
      if (target instanceof Element) held.turnedTo(placeOf(target), target);
    };
    document.addEventListener("focusin", turn);
    document.addEventListener("pointerdown", turn);
    return () => {
      document.removeEventListener("focusin", turn);
      document.removeEventListener("pointerdown", turn);
    };
  }, []);

  useLayoutEffect(() => {
    // A row that moves to another group is rendered again: the focus moves with it.
    const place = held.toRestore(document.activeElement === document.body, keys);
    if (place !== null) focus(place);
  });

  return {
    ref,
    isActive: (key) => key === current,
    onFocusIn: ({ target }) => {
      const place = placeOf(target);
      if (place !== null) setActive(place.key);
    },
    onKeyDown: (event) => {
      const step = STEPS[event.key];
      const place = placeOf(event.target);
      if (step === undefined || place === null) return;
      const to = keys[step(keys.indexOf(place.key), keys.length)];
      if (to === undefined) return;
      event.preventDefault();
      focus({ key: to, column: place.column });
    },
  };
}
