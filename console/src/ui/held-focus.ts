/** A control of a row, by what stays the same when the row is made anew. */
export type RowPlace = { readonly key: string; readonly column: string };

/**
 * Which control of a list has the focus, so that the focus follows a row that is made anew elsewhere. It lets
 * go as soon as somebody turns to something else: to be sent back there would move the page under them.
 */
export class HeldFocus {
  #held: { readonly place: RowPlace; readonly control: Connected } | null = null;

  /**
   * The focus came to this control, or it was pressed.
   * @param place null: it is none of the list's
   */
  turnedTo(place: RowPlace | null, control: Connected): void {
    this.#held = place === null ? null : { place, control };
  }

  /**
   * Where to put the focus, after the list has changed.
   * @param isNowhere whether nothing has it
   * @param keys of the rows that there are
   * @returns null: it is fine where it is
   */
  toRestore(isNowhere: boolean, keys: readonly string[]): RowPlace | null {
    if (this.#held === null || !isNowhere || this.#held.control.isConnected) return null;
    const { place } = this.#held;
    if (!keys.includes(place.key)) this.#held = null;
    return this.#held === null ? null : place;
  }
}

/** What of an element is needed: whether it is still on the page. */
type Connected = { readonly isConnected: boolean };
