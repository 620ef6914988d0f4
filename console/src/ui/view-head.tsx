import type { ComponentChildren, JSX } from "preact";

/** Gets the focus on a change of area. */
const TITLE_ID = "title";

/** The heading of an area, with its actions. */
export function ViewHead({
  title,
  aside,
  children,
}: {
  readonly title: string;
  /** A few words beside it; empty: none. */
  readonly aside: string;
  readonly children?: ComponentChildren;
}): JSX.Element {
  return (
    <div class="view-head">
      <h1 id={TITLE_ID} tabIndex={-1}>
        {title}
      </h1>
      {aside !== "" && <p class="muted">{aside}</p>}
      <div class="view-actions">{children}</div>
    </div>
  );
}

/** Puts the focus on the heading of the area. */
export function focusTitle(): void {
  document.getElementById(TITLE_ID)?.focus();
}
