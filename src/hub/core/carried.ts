import { ok } from "../../platform/result.ts";
import type { Dialect } from "./dialect.ts";

/** Begins a message of the Worker: the number of a client follows that has taken everything up to there. */
const TAKEN = "t";

const known = new WeakMap<Dialect, Dialect>();

/**
 * A dialect whose frames the Worker passes on to the client (`transport.ts`), each as `<number>:<frame>`. The number
 * is that of a client that has the frame, and is empty if the frame does not change it. So the Worker sees what a
 * client has taken, without reading the frames of any dialect.
 */
export function carried(dialect: Dialect): Dialect {
  const before = known.get(dialect);
  if (before !== undefined) return before;
  const made = carrying(dialect);
  known.set(dialect, made);
  return made;
}

/** Reads a carried frame. `number` is null if the frame does not move the client's position. */
export function readCarried(text: string): {
  readonly number: number | null;
  readonly frame: string;
} {
  const colon = text.indexOf(":");
  return {
    number: colon === 0 ? null : Number(text.slice(0, colon)),
    frame: text.slice(colon + 1),
  };
}

/** Tells the hub that a client has taken everything up to this number. */
export function taken(number: number): string {
  return TAKEN + number;
}

/** Reads {@link taken}; null: it is a frame of the client. */
export function readTaken(data: string | ArrayBuffer): number | null {
  if (typeof data !== "string" || !/^t\d{1,16}$/.test(data)) return null;
  return Number(data.slice(TAKEN.length));
}

function carrying(dialect: Dialect): Dialect {
  const { probe, batch, direct, farewell, snapshot, turnedAway } = dialect;
  const at = (number: number, frame: string): string => `${number}:${frame}`;
  const plain = (frame: string): string => `:${frame}`;
  const plainIf = (frame: string | null): string | null => (frame === null ? null : plain(frame));
  return {
    ...dialect,
    read: (data) => {
      const number = readTaken(data);
      if (number !== null) return ok({ kind: "acknowledge", number });
      const intent = dialect.read(data);
      if (!intent.ok || intent.value.kind !== "acknowledge") return intent;
      const { reply } = intent.value;
      return reply === undefined ? intent : ok({ ...intent.value, reply: plain(reply) });
    },
    ...(probe === undefined ? {} : { probe: () => plain(probe()) }),
    opened: (opened) => {
      const frame = dialect.opened(opened);
      // Without a state this is the first position of the client. If it never got one, the Worker could never tell the
      // hub that the client has taken what was sent beside events.
      const isFirst = snapshot === undefined && !opened.resumes;
      return frame !== null && isFirst ? at(opened.head - opened.base, frame) : plainIf(frame);
    },
    ...(snapshot === undefined
      ? {}
      : {
          snapshot: (opened, whole) => at(whole.seq - opened.base, snapshot(opened, whole)),
        }),
    event: (entry, base, prev) => at(entry.seq - base, dialect.event(entry, base, prev)),
    ...(batch === undefined
      ? {}
      : {
          batch: (entries, base, prev) =>
            at((entries.at(-1)?.seq ?? prev) - base, batch(entries, base, prev)),
        }),
    signal: (signal) => plainIf(dialect.signal(signal)),
    resumed: (opened, from, to) => {
      const frame = dialect.resumed(opened, from, to);
      return frame === null ? null : at(to - opened.base, frame);
    },
    renewed: (exp) => plainIf(dialect.renewed(exp)),
    expiring: (exp) => plainIf(dialect.expiring(exp)),
    refused: (code) => plain(dialect.refused(code)),
    farewell: (why) => {
      const { frame, ...end } = farewell(why);
      return frame === undefined ? end : { ...end, frame: plain(frame) };
    },
    ...(turnedAway === undefined ? {} : { turnedAway: (why) => plain(turnedAway(why)) }),
    ...(direct === undefined
      ? {}
      : {
          direct: {
            message: (name, data) => plain(direct.message(name, data)),
            answer: (ack, data) => plain(direct.answer(ack, data)),
            call: (id, name, data) => plain(direct.call(id, name, data)),
          },
        }),
  };
}
