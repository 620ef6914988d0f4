import { signal } from "@preact/signals";

/** A place of the page: the area, and what is opened in it. */
export type Place = {
  /** First part of the address, as "rooms". */
  readonly area: string;
  /** Id of what is opened; null: nothing is. */
  readonly item: string | null;
};

/**
 * Reads the part of an address behind `#`: the whole page is one file, so that any static host
 * serves every place.
 * @param areas the ones there are; the first stands for whatever is none of them
 */
export function readPlace(hash: string, areas: readonly string[]): Place {
  const [area = "", item = ""] = hash.replace(/^#?\/?/, "").split("/", 2);
  if (!areas.includes(area)) return { area: areas[0] ?? "", item: null };
  return { area, item: item === "" ? null : decoded(item) };
}

/** The address of a place, for links. */
export function placeLink(area: string, item?: string | null): string {
  return item === undefined || item === null
    ? `#/${area}`
    : `#/${area}/${encodeURIComponent(item)}`;
}

/** Null for what is no encoded text: nothing of that name can be there. */
function decoded(part: string): string | null {
  try {
    return decodeURIComponent(part);
  } catch {
    return null;
  }
}

/** The address, as far as it names a place. */
export const hash = signal("");

/** Follows the browser's own way back and forth, from the address as it is now. */
export function followAddress(): void {
  const follow = (): void => {
    hash.value = location.hash;
  };
  follow();
  addEventListener("hashchange", follow);
  addEventListener("popstate", follow);
}

/**
 * Goes somewhere without a link.
 * @param how `replace`: the way back does not lead here again
 */
export function goTo(link: string, how: "push" | "replace" = "push"): void {
  if (link === location.hash) return;
  if (how === "push") history.pushState(null, "", link);
  else history.replaceState(null, "", link);
  hash.value = link;
}
