import { describe, expect, it } from "vitest";
import { HeldFocus } from "./held-focus.ts";

const KEYS = ["a", "b"];
const NAME_OF_A = { key: "a", column: "name" };

function focusOnA(): { readonly held: HeldFocus; readonly control: { isConnected: boolean } } {
  const held = new HeldFocus();
  const control = { isConnected: true };
  held.turnedTo(NAME_OF_A, control);
  return { held, control };
}

describe("the focus in a list", () => {
  it("follows a row that is rendered again", () => {
    const { held, control } = focusOnA();
    control.isConnected = false;
    expect(held.toRestore(true, KEYS)).toEqual(NAME_OF_A);
  });

  it("is not taken from another control", () => {
    const { held, control } = focusOnA();
    control.isConnected = false;
    expect(held.toRestore(false, KEYS)).toBeNull();
  });

  it("does not return to an existing row once it has moved elsewhere", () => {
    const { held } = focusOnA();
    expect(held.toRestore(true, KEYS)).toBeNull();
  });

  it("does not return after a press outside the rows", () => {
    const { held, control } = focusOnA();
    held.turnedTo(null, { isConnected: true });
    control.isConnected = false;
    expect(held.toRestore(true, KEYS)).toBeNull();
  });

  it("is given up with its row", () => {
    const { held, control } = focusOnA();
    control.isConnected = false;
    expect(held.toRestore(true, ["b"])).toBeNull();
    expect(held.toRestore(true, KEYS)).toBeNull();
  });
});
