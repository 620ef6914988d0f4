import type { ComponentChildren, JSX } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { placeLink } from "../routes.ts";
import type { Status } from "../standing.ts";
import type { Tab } from "./area.ts";
import { Mark } from "./icons.tsx";
import { focusTitle } from "./view-head.tsx";

/** Everything around an area: the navigation, and at its foot the connections and who is signed in. */
export function Shell({
  tabs,
  current,
  top,
  foot,
  beside,
  children,
}: {
  readonly tabs: readonly Tab[];
  /** Id of the tab whose area is shown. */
  readonly current: string;
  /** Above the navigation. */
  readonly top?: ComponentChildren;
  readonly foot: ComponentChildren;
  readonly beside?: ComponentChildren;
  /** The area. */
  readonly children: ComponentChildren;
}): JSX.Element {
  useAreaChange(tabs.find(({ id }) => id === current));
  return (
    <div class="shell">
      <a
        class="skip"
        href="#main"
        onClick={(event) => {
          // The fragment belongs to the area.
          event.preventDefault();
          focusTitle();
        }}
      >
        Skip to content
      </a>
      <header class="bar">
        <a class="brand" href={placeLink(tabs[0]?.id ?? "")} aria-label="GuildHub, start page">
          <Mark />
          <span>GuildHub</span>
        </a>
        {top}
        <nav class="nav" aria-label="Areas">
          <ul>
            {tabs.map(({ id, title, Icon, number = 0 }) => (
              <li key={id}>
                <a href={placeLink(id)} aria-current={id === current ? "page" : undefined}>
                  <Icon />
                  <span>{title}</span>
                  {number > 0 && <span class="nav-count">{number}</span>}
                </a>
              </li>
            ))}
          </ul>
        </nav>
        <div class="bar-foot">{foot}</div>
      </header>
      <main id="main" class="main">
        {children}
      </main>
      {beside}
    </div>
  );
}

/** Shows the area in the tab's title; the focus moves to its heading on a change of area. */
function useAreaChange(area: Tab | undefined): void {
  const shown = useRef(area?.id);
  useEffect(() => {
    document.title = area === undefined ? "GuildHub" : `${area.title} · GuildHub`;
    if (shown.current === area?.id) return;
    shown.current = area?.id;
    scrollTo(0, 0);
    focusTitle();
  }, [area?.id]);
}

/** One connection at the foot of the navigation. */
export function StatusLine({
  name,
  label = "",
  status: { tone, text, more },
  children,
}: {
  /** Name for screen readers. */
  readonly name: string;
  /** Its visible name; empty: none. */
  readonly label?: string;
  readonly status: Status;
  readonly children?: ComponentChildren;
}): JSX.Element {
  return (
    <div class="status" title={more}>
      <span class={`dot dot-${tone}`} aria-hidden="true" />
      {label !== "" && <span class="status-name">{label}</span>}
      <span class="status-text" role="status" aria-label={name}>
        {text}
      </span>
      {children}
    </div>
  );
}

/** Why the page is not up to date, and what to do. */
export function TroubleLine({
  tone,
  text,
  action,
  onAction,
}: {
  readonly tone: "busy" | "bad";
  /** Empty: everything is well. */
  readonly text: string;
  /** What the button says; null: there is nothing to do. */
  readonly action: string | null;
  readonly onAction: () => void;
}): JSX.Element {
  return (
    <div role="status" aria-label="What is wrong">
      {text !== "" && (
        <div class={`trouble trouble-${tone}`}>
          <p>{text}</p>
          {action !== null && (
            <button type="button" class="button" onClick={onAction}>
              {action}
            </button>
          )}
        </div>
      )}
    </div>
  );
}
