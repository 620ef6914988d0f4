import { signal } from "@preact/signals";

/** A place on the page: the area, and the item that is open in it. */
export type Place = {
  /** First part of the fragment, such as "rooms". */
  readonly area: string;
  /** Id of the open item; null: none. */
  readonly item: string | null;
};

/**
 * Parses a URL's fragment: the whole page is one file, so that any static host can serve every place.
 * @param areas the existing areas; the first replaces an unknown one
 */
export function readPlace(hash: string, areas: readonly string[]): Place {
  const [area = "", item = ""] = hash.replace(/^#?\/?/, "").split("/", 2);
  if (!areas.includes(area)) return { area: areas[0] ?? "", item: null };
  return { area, item: item === "" ? null : decoded(item) };
}

/** The link to a place. */
export function placeLink(area: string, item?: string | null): string {
  return item === undefined || item === null
    ? `#/${area}`
    : `#/${area}/${encodeURIComponent(item)}`;
}

/** Null for malformed encoding: no item can have that name. */
function decoded(part: string): string | null {
  try {
    return decodeURIComponent(part);
  } catch {
    return null;
  }
}

/** The URL's fragment. */
export const hash = signal("");

/** Follows the browser's back and forward buttons, starting with the current URL. */
export function followAddress(): void {
  const follow = (): void => {
    hash.value = location.hash;
  };
  follow();
  addEventListener("hashchange", follow);
  addEventListener("popstate", follow);
}

/**
 * Navigates without a link.
 * @param how `replace`: the back button does not return to the current place
 */
export function goTo(link: string, how: "push" | "replace" = "push"): void {
  if (link === location.hash) return;
  if (how === "push") history.pushState(null, "", link);
  else history.replaceState(null, "", link);
  hash.value = link;
}
