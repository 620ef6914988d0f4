import { useSignal } from "@preact/signals";
import type { JSX } from "preact";
import { useEffect, useId, useRef } from "preact/hooks";
import { knownPeople, nameOf, type Person } from "../people.ts";
import { idsIn } from "../room-draft.ts";
import { count } from "../time-words.ts";
import { CloseIcon } from "./icons.tsx";
import { Avatar } from "./person.tsx";

/** The server is asked when nothing was typed for this time, milliseconds. */
const ASK_AFTER_MS = 200;
/** A longer list does not help: the user types more of the name. */
const OFFERED_MAX = 8;

/**
 * Picks Discord users: a combobox with a list (WAI-ARIA practices). Ids can be pasted as well, for people
 * who are unknown here.
 */
export function PeoplePicker({
  inputId,
  describedBy,
  invalid,
  chosen,
  leftOut,
  typed,
  ask,
  onChange,
}: {
  readonly inputId: string;
  readonly describedBy: string;
  readonly invalid: boolean;
  /** Ids of the picked people. */
  readonly chosen: readonly string[];
  /** Ids of people who are not offered. */
  readonly leftOut: readonly string[];
  readonly typed: string;
  /** Asks the server for people; the page remembers them. Always settles. */
  readonly ask: (text: string) => Promise<void>;
  readonly onChange: (chosen: readonly string[], typed: string) => void;
}): JSX.Element {
  const listId = useId();
  const open = useSignal(false);
  const at = useSignal(-1);
  const root = useRef<HTMLDivElement>(null);
  const input = useRef<HTMLInputElement>(null);

  useEffect(() => {
    if (!open.value) return undefined;
    const timer = setTimeout(() => void ask(typed.trim()), ASK_AFTER_MS);
    return () => clearTimeout(timer);
  }, [typed, open.value, ask]);

  const close = (): void => {
    open.value = false;
    at.value = -1;
  };
  useEffect(() => {
    if (!open.value) return undefined;
    // Not on blur: the pressed element would move away under the pointer.
    const pressed = ({ target }: MouseEvent): void => {
      if (target instanceof Node && root.current?.contains(target) !== true) close();
    };
    document.addEventListener("click", pressed);
    return () => document.removeEventListener("click", pressed);
  }, [open.value]);

  const offered = open.value
    ? knownPeople(typed, [...chosen, ...leftOut]).slice(0, OFFERED_MAX)
    : [];
  const active = offered[at.value];
  const optionId = (person: Person): string => `${listId}-${person.userId}`;

  const pick = (userIds: readonly string[]): void => {
    at.value = -1;
    onChange([...new Set([...chosen, ...userIds])], "");
    input.current?.focus();
  };
  const drop = (userId: string): void => {
    onChange(
      chosen.filter((one) => one !== userId),
      typed,
    );
    input.current?.focus();
  };
  const keys: Readonly<Record<string, () => boolean>> = {
    ArrowDown: () => {
      open.value = true;
      at.value = Math.min(at.value + 1, offered.length - 1);
      return true;
    },
    ArrowUp: () => {
      at.value = Math.max(at.value - 1, -1);
      return true;
    },
    Enter: () => {
      const ids = active === undefined ? idsIn(typed) : [active.userId];
      if (ids.length > 0) pick(ids);
      // If the form were sent with half a name in the field, it would only show an error.
      return ids.length > 0 || typed.trim() !== "";
    },
    Escape: () => {
      const wasOpen = offered.length > 0;
      close();
      return wasOpen;
    },
    Tab: () => {
      close();
      return false;
    },
    Backspace: () => {
      const last = chosen.at(-1);
      if (typed !== "" || last === undefined) return false;
      drop(last);
      return true;
    },
  };

  return (
    <div ref={root} class="picker">
      {chosen.length > 0 && (
        <ul class="picked" aria-label="May come in">
          {chosen.map((userId) => (
            <li key={userId} class="member">
              <Avatar userId={userId} />
              <bdi class="member-name" title={userId}>
                {nameOf(userId)}
              </bdi>
              <button
                type="button"
                class="button-plain picked-drop"
                aria-label={`Take ${nameOf(userId)} off the list`}
                onClick={() => drop(userId)}
              >
                <CloseIcon />
              </button>
            </li>
          ))}
        </ul>
      )}
      <input
        ref={input}
        id={inputId}
        type="text"
        role="combobox"
        autoComplete="off"
        spellcheck={false}
        placeholder="Name, or Discord id"
        aria-invalid={invalid}
        aria-describedby={describedBy}
        aria-autocomplete="list"
        aria-expanded={offered.length > 0}
        aria-controls={offered.length > 0 ? listId : undefined}
        aria-activedescendant={active === undefined ? undefined : optionId(active)}
        value={typed}
        onFocus={() => {
          open.value = true;
        }}
        onInput={(event) => {
          open.value = true;
          at.value = -1;
          onChange(chosen, event.currentTarget.value);
        }}
        onPaste={(event) => {
          const ids = idsIn(event.clipboardData?.getData("text") ?? "");
          if (ids.length === 0) return;
          event.preventDefault();
          pick(ids);
        }}
        onKeyDown={(event) => {
          if (keys[event.key]?.() === true) event.preventDefault();
        }}
      />
      {offered.length > 0 && (
        <ul id={listId} class="offered" role="listbox" aria-label="People known here">
          {offered.map((person) => (
            <li
              key={person.userId}
              id={optionId(person)}
              role="option"
              class="offer"
              aria-selected={person === active}
              // The field keeps the focus.
              onMouseDown={(event) => {
                event.preventDefault();
                pick([person.userId]);
              }}
            >
              <Avatar userId={person.userId} />
              <bdi class="member-name">{person.name}</bdi>
            </li>
          ))}
        </ul>
      )}
      <p class="hidden" role="status">
        {open.value && typed.trim() !== "" && `${count(offered.length, "name")} to pick from`}
      </p>
    </div>
  );
}
