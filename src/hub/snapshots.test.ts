import { describe, expect, test, vi } from "vitest";
import { mayRead } from "./core/audience.ts";
import type { HubExtension } from "./extension.ts";
import type { ExtensionTurns } from "./extension-turns.ts";
import { Snapshots } from "./snapshots.ts";

/** An extension with one room for everybody, and one for members. */
function world() {
  let version = 1;
  const snapshot = vi.fn<HubExtension["snapshot"]>((_, may) => ({
    rooms: [null, ["members"]].filter((audience) => may(audience)).map(String),
    version,
  }));
  const snapshots = new Snapshots({
    store: { extent: () => ({ epoch: "e", head: version, oldest: 1 }) },
    turns: { of: () => ({}) } as unknown as ExtensionTurns,
    extensions: () => [{ name: "test", migrate: () => false, snapshot }],
  });
  const of = (...grants: string[]) =>
    snapshots.of((audience) => mayRead(audience, new Set(grants)));
  const change = (): void => {
    version += 1;
    snapshots.forget();
  };
  return { of, change, snapshot };
}

describe("snapshots", () => {
  test("HUB-4 clients who connect together and may read the same share one", () => {
    const { of, snapshot } = world();
    const first = of("sub:alice");
    expect(first).toEqual({ seq: 1, state: { rooms: ["null"], version: 1 } });
    expect(of("sub:bob")).toBe(first);
    expect(snapshot).toHaveBeenCalledTimes(1);
  });

  test("HUB-8 nobody gets the snapshot of somebody who may read more, or less", () => {
    const { of } = world();
    const rooms = (at: ReturnType<typeof of>): unknown => at.state["rooms"];
    expect(rooms(of("members"))).toEqual(["null", "members"]);
    expect(rooms(of("sub:bob"))).toEqual(["null"]);
    expect(rooms(of("members"))).toEqual(["null", "members"]);
  });

  test("a turn makes the next one new, and so does the end of the event", async () => {
    const { of, change, snapshot } = world();
    of("sub:alice");
    change();
    expect(of("sub:bob")).toEqual({ seq: 2, state: { rooms: ["null"], version: 2 } });
    await Promise.resolve();
    of("sub:carol");
    expect(snapshot).toHaveBeenCalledTimes(3);
  });
});
