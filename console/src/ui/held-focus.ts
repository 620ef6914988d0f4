/** A control of a row, by what stays the same when the row is rendered again. */
export type RowPlace = { readonly key: string; readonly column: string };

/**
 * The focused control of a list, so that the focus follows a row that is rendered again elsewhere. It lets
 * go as soon as the user turns to something else: moving the focus back would move the page unexpectedly.
 */
export class HeldFocus {
  #held: { readonly place: RowPlace; readonly control: Connected } | null = null;

  /**
   * This control got the focus or was pressed.
   * @param place null: it is outside the list
   */
  turnedTo(place: RowPlace | null, control: Connected): void {
    this.#held = place === null ? null : { place, control };
  }

  /**
   * Where to put the focus after the list has changed.
   * @param isNowhere whether nothing has the focus
   * @param keys of the existing rows
   * @returns null: it can stay where it is
   */
  toRestore(isNowhere: boolean, keys: readonly string[]): RowPlace | null {
    if (this.#held === null || !isNowhere || this.#held.control.isConnected) return null;
    const { place } = this.#held;
    if (!keys.includes(place.key)) this.#held = null;
    return this.#held === null ? null : place;
  }
}

/** The needed part of an element: whether it is still on the page. */
type Connected = { readonly isConnected: boolean };
