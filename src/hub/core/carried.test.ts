import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { ok } from "../../platform/result.ts";
import { SOCKET_IO_CLIENT, GUILD_CLIENT } from "../../testing/client-side.ts";
import { OPCODE_CLIENT } from "../../testing/opcode-dialect.ts";
import { KIND } from "../../testing/virtual-guild.ts";
import { carried, readCarried, taken } from "./carried.ts";
import type { Dialect, Opened, TurnedAway, Whole } from "./dialect.ts";
import type { Entry } from "./journal.ts";
import { dialectOf } from "./stream-kind.ts";

const OPENED: Opened = {
  hub: "h",
  connectionId: "c",
  epoch: "e",
  head: 9,
  base: 4,
  resumes: false,
  scope: null,
  now: 1,
  limits: KIND.limits,
  retryWindowMs: 1_000,
};

const WHOLE: Whole = { seq: 9, state: { rooms: [] }, reason: "first_connection", oldest: 1 };
const entry = (seq: number): Entry => ({
  seq,
  id: `id${seq}`,
  event: "x.y",
  payload: '{"a":":"}',
  ts: 1,
  at: 1,
  audience: null,
  except: null,
  topic: null,
  trace: null,
});

describe("a frame that the Worker carries", () => {
  test("is read as it was written, whatever is in it", () => {
    const number = fc.option(fc.integer(), { nil: null });
    fc.assert(
      fc.property(number, fc.string(), (expected, frame) => {
        const text = `${expected ?? ""}:${frame}`;
        expect(readCarried(text)).toEqual({ number: expected, frame });
      }),
    );
  });
});

describe.each([GUILD_CLIENT, OPCODE_CLIENT, SOCKET_IO_CLIENT])(
  "carried frames of the dialect $dialect.name",
  ({ dialect, say }) => {
    const carrying = carried(dialect);
    /** What each of its frames is, and the number before it. */
    const both = (write: (one: Dialect) => string | null | undefined, number: number | null) => {
      const [plain, text] = [write(dialect), write(carrying)];
      if (plain === null || plain === undefined) expect(text).toBe(plain);
      else expect(readCarried(text ?? "")).toEqual({ number, frame: plain });
    };

    test("have the number of a client that has them", () => {
      both((one) => one.snapshot?.(OPENED, WHOLE), 5);
      both((one) => one.event(entry(9), 4), 5);
      both((one) => one.event(entry(9), 4, 6), 5);
      both((one) => one.batch?.([entry(7), entry(9)], 4, 6), 5);
      both((one) => one.resumed(OPENED, 6, 9), 5);
    });

    test("have one from the first frame on if there is no whole state", () => {
      const { snapshot: _, ...stateless } = { ...dialect, opened: () => "welcome" };
      const begins = carried(stateless);
      expect("snapshot" in begins).toBe(false);
      expect(begins.opened(OPENED)).toBe("5:welcome");
      // One that resumes gets its own position with what it has missed.
      expect(begins.opened({ ...OPENED, resumes: true })).toBe(":welcome");
      expect(carried({ ...stateless, opened: () => null }).opened(OPENED)).toBeNull();
    });

    test("have none if they do not move its position", () => {
      both((one) => one.probe?.(), null);
      both((one) => one.opened(OPENED), null);
      both(
        (one) =>
          one.signal({ event: "x.y", key: "k", payload: "{}", audience: null, topic: null, ts: 1 }),
        null,
      );
      both((one) => one.renewed(7), null);
      both((one) => one.expiring(7), null);
      both((one) => one.refused("invalid_frame"), null);
      both((one) => one.direct?.message("n", { a: 1 }), null);
      both((one) => one.direct?.answer("1", { a: 1 }), null);
      both((one) => one.direct?.call("7", "n", { a: 1 }), null);
    });

    test("answer heartbeats in the same way", () => {
      both((one) => {
        const read = one.read(say.acknowledge(3));
        return read.ok && read.value.kind === "acknowledge" ? (read.value.reply ?? null) : null;
      }, null);
    });

    test("are acknowledged by the Worker as well", () => {
      expect(carrying.read(taken(813))).toEqual(ok({ kind: "acknowledge", number: 813 }));
      for (const text of ["t", "t-1", "t1.5", "t1x", `t${"9".repeat(17)}`]) {
        expect(carrying.read(text)).toEqual(dialect.read(text));
      }
    });

    test("leave everything else as it is", () => {
      const { frame, ...end } = dialect.farewell("restart");
      expect(carrying.farewell("restart")).toEqual(
        frame === undefined ? end : { ...end, frame: `:${frame}` },
      );
      expect(carrying.farewell("normal")).toEqual(dialect.farewell("normal"));
      const turning = { ...dialect, turnedAway: ({ code }: TurnedAway) => `away with ${code}` };
      const away = carried(turning).turnedAway?.({ code: 4001, reason: "no" });
      expect(away).toBe(":away with 4001");
      for (const text of [say.renew("t"), say.subscribe(["1"]), say.nonsense(), "", "{"]) {
        expect(carrying.read(text)).toEqual(dialect.read(text));
      }
      const { name, firstNumber, showsJumps } = carrying;
      expect({ name, firstNumber, showsJumps }).toEqual({
        name: dialect.name,
        firstNumber: dialect.firstNumber,
        showsJumps: dialect.showsJumps,
      });
      for (const part of ["hello", "probe", "batch", "direct", "turnedAway"] as const) {
        expect(part in carrying).toBe(part in dialect);
      }
    });

    test("are the same for every connection, so that a frame is written once for all of them", () => {
      const kind = { ...KIND, dialects: [dialect] } as const;
      const preAuth = dialectOf(kind, { transport: "pre-auth" });
      expect(preAuth).toBe(dialectOf(kind, { dialect: dialect.name, transport: "socket-io" }));
      expect(preAuth).toBe(carrying);
      expect(dialectOf(kind, { transport: "sse" })).toBe(dialect);
      expect(dialectOf(kind, {})).toBe(dialect);
      expect(dialectOf(kind, { dialect: "another", transport: "pre-auth" })).toBeNull();
    });
  },
);
