import { shownText } from "../../../protocol/shown-text.ts";

/** UTF-16 units of a name that are kept, as of those on rosters. */
const NAME_MAX = 100;

/** The first of these that is a name, as it may be shown; none: `otherwise`. */
export function shownName(names: readonly unknown[], otherwise: string): string {
  return names.map((name) => shownText(name, NAME_MAX)).find((name) => name !== "") ?? otherwise;
}
