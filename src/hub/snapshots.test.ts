import { describe, expect, test } from "vitest";
import type { MemorySocket } from "../testing/memory-platform.ts";
import { VirtualDesk } from "../testing/virtual-desk.ts";
import type { HubExtension } from "./extension.ts";

/** An area with one room for everybody, and one for members. Each snapshot says the how manyth it is. */
function roomArea(): HubExtension {
  let made = 0;
  return {
    name: "desk",
    migrate(sql) {
      sql.exec("CREATE TABLE IF NOT EXISTS changes (n INTEGER PRIMARY KEY)");
      return false;
    },
    commands: [
      {
        name: "desk.change",
        run: (hub, fails) =>
          hub.turn((turn) => {
            turn.sql.exec("INSERT INTO changes DEFAULT VALUES");
            turn.publish({ event: "desk.after", payload: {}, audience: null, topic: null });
            if (fails === true) throw new Error("the turn fails");
          }),
      },
    ],
    snapshot({ sql }, mayRead) {
      const rooms = [null, ["role:member"]].filter((audience) => mayRead(audience)).map(String);
      const changes = sql.exec("SELECT n FROM changes").toArray().length;
      return { rooms, changes, made: ++made };
    },
  };
}

type State = { readonly rooms: string[]; readonly changes: number; readonly made: number };
type HubImpl = VirtualDesk["hub"]["impl"];

/** The snapshots of readers who come in one event of the hub. */
const statesFor = (impl: HubImpl, ...readers: readonly (readonly string[])[]): State[] =>
  impl.snapshotsFor(readers).map(({ state }) => JSON.parse(state) as State);

type Snapshot = State & { readonly type: string; readonly seq: number };
const snapshotOf = (socket: MemorySocket): Snapshot | undefined =>
  socket.sent.map((text) => JSON.parse(text) as Snapshot).find(({ type }) => type === "snapshot");

const MEMBER = ["sub:alice", "role:member"];

describe("snapshots", () => {
  test("HUB-4 readers who come together and may read the same share one, later ones do not", async () => {
    const at = new VirtualDesk([roomArea()]);
    const [first, second, other] = await at.hub.event((impl) =>
      statesFor(impl, ["sub:alice"], ["sub:bob"], MEMBER),
    );
    expect(second).toEqual(first);
    expect(other?.made).not.toBe(first?.made);
    const [later] = await at.hub.event((impl) => statesFor(impl, MEMBER));
    expect(later).toEqual({ ...other, made: (other?.made ?? 0) + 1 });
  });

  test("HUB-8 nobody gets the snapshot of somebody who may read more, or less", async () => {
    const at = new VirtualDesk([roomArea()]);
    const all = await at.hub.event((impl) => statesFor(impl, MEMBER, ["sub:bob"], MEMBER));
    expect(all.map(({ rooms }) => rooms)).toEqual([
      ["null", "role:member"],
      ["null"],
      ["null", "role:member"],
    ]);
    const exp = Math.floor(at.time.now / 1_000) + 3_600;
    for (const [grants, rooms] of [
      [MEMBER, ["null", "role:member"]],
      [["sub:bob"], ["null"]],
    ] as const) {
      const identity = { sub: "someone", grants: [...grants], exp };
      const client = await at.connect("someone", undefined, { identity, dialect: "guild" });
      expect(snapshotOf(client)?.rooms).toEqual(rooms);
    }
  });

  test("HUB-4 a turn makes the next one new, also in the same event, and one that fails leaves nothing", async () => {
    const at = new VirtualDesk([roomArea()]);
    await at.hub.event(async (impl) => {
      const before = statesFor(impl, ["sub:alice"]);
      const turned = impl.command("desk.change", false);
      const after = statesFor(impl, ["sub:alice"]);
      const failed = impl.command("desk.change", true);
      const again = statesFor(impl, ["sub:alice"]);
      await turned;
      await expect(failed).rejects.toThrow("the turn fails");
      expect([before, after, again].map(([one]) => one?.changes)).toEqual([0, 1, 1]);
    });
    const client = await at.connect("alice", undefined, { dialect: "guild" });
    expect(snapshotOf(client)).toMatchObject({ seq: 1, changes: 1 });
  });
});
