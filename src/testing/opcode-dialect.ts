import { z } from "zod";
import type { Dialect } from "../hub/core/dialect.ts";
import { jsonFrame } from "../hub/dialects/json-frame.ts";
import { err, ok } from "../platform/result.ts";
import { CLOSE_CODES, type CloseName } from "../protocol/close-codes.ts";
import type { Heard, WholeClientSide } from "./client-side.ts";

/** Opcodes. Both sides send `heartbeat`. */
const OP = {
  event: 0,
  heartbeat: 1,
  identify: 2,
  subscribe: 4,
  resume: 6,
  refused: 9,
  hello: 10,
  answer: 11,
  renew: 13,
  message: 20,
  answered: 21,
  call: 22,
};

const Frame = z.object({ op: z.number(), d: z.unknown() });
/** With whatever else a client says of itself. */
const Token = z.looseObject({ token: z.string() });
const Resume = z.looseObject({ token: z.string(), session: z.string(), s: z.number() });
const Message = z.object({ name: z.string(), data: z.unknown(), ack: z.string().optional() });
const Answer = z.object({ id: z.string(), data: z.unknown() });
const Topics = z.object({ topics: z.array(z.string()) });

/** The name of a session: what a client must know of it to resume. */
const sessionOf = ({ epoch, base }: { epoch: string; base: number }): string => `${epoch}.${base}`;

/** Where a client resumes, from the name of its session and its own number. */
function positionOf(session: string, number: number) {
  const dot = session.lastIndexOf(".");
  const base = Number(session.slice(dot + 1));
  return { epoch: session.slice(0, dot), seq: number + base, base };
}

/**
 * A dialect that differs from the native one in every way that the engine allows: the server speaks first, frames
 * have opcodes, each connection counts from 1, jumps are not shown, a heartbeat acknowledges and is answered, the
 * server asks for acknowledgements, there are neither batches nor signals, and codes of closes are others.
 */
export const OPCODE_DIALECT: Dialect = {
  name: "opcode",
  firstNumber: 1,
  showsJumps: false,
  hello: () => frame(OP.hello, null),
  probe: () => frame(OP.heartbeat, null),
  read(text) {
    const json = jsonFrame(text);
    if (!json.ok) return json;
    const read = Frame.safeParse(json.value);
    if (!read.success) return err("invalid_frame");
    const { op, d } = read.data;
    switch (op) {
      case OP.heartbeat: {
        const number = z.number().nullable().safeParse(d);
        if (!number.success) return err("invalid_frame");
        return ok({ kind: "acknowledge", number: number.data, reply: frame(OP.answer, null) });
      }
      case OP.identify: {
        const asked = Token.safeParse(d);
        if (!asked.success) return err("invalid_token");
        const { token } = asked.data;
        return ok({ kind: "authenticate", token, resume: {}, about: asked.data });
      }
      case OP.resume: {
        const asked = Resume.safeParse(d);
        if (!asked.success) return err("invalid_token");
        const { token, session, s } = asked.data;
        const resume = positionOf(session, s);
        return ok({ kind: "authenticate", token, resume, about: asked.data });
      }
      case OP.renew: {
        const asked = Token.safeParse(d);
        return asked.success
          ? ok({ kind: "renew", token: asked.data.token })
          : err("invalid_token");
      }
      case OP.subscribe: {
        const asked = Topics.safeParse(d);
        return asked.success
          ? ok({ kind: "subscribe", topics: asked.data.topics })
          : err("invalid_frame");
      }
      case OP.message: {
        const said = Message.safeParse(d);
        if (!said.success) return err("invalid_frame");
        const { ack, ...message } = said.data;
        return ok({ kind: "message", ...message, ...(ack === undefined ? {} : { ack }) });
      }
      case OP.answered: {
        const answer = Answer.safeParse(d);
        if (!answer.success) return err("invalid_frame");
        return ok({ kind: "answer", call: answer.data.id, data: answer.data.data });
      }
      default:
        return err("unknown_type");
    }
  },
  opened: () => null,
  snapshot: (at, { seq, state, reason }) =>
    JSON.stringify({
      op: OP.event,
      t: "READY",
      s: seq - at.base,
      d: { id: at.connectionId, session: sessionOf(at), reason, state },
    }),
  event: ({ event, id, payload, seq }, base) =>
    `{"op":${OP.event},"t":${JSON.stringify(event)},"s":${seq - base},"id":${JSON.stringify(id)},"d":${payload}}`,
  signal: () => null,
  resumed: (_, __, to) => JSON.stringify({ op: OP.event, t: "RESUMED", d: { to } }),
  renewed: (exp) => frame(OP.renew, { exp }),
  expiring: () => null,
  refused: (code) => frame(OP.refused, { code }),
  direct: {
    message: (name, data) => frame(OP.message, { name, data }),
    answer: (ack, data) => frame(OP.answered, { id: ack, data }),
    call: (id, name, data) => frame(OP.call, { id, name, data }),
  },
  farewell: (why) => ({
    ...(why === "restart" ? { frame: frame(7, null) } : {}),
    code: codeOf(why),
    reason: why,
  }),
};

function frame(op: number, d: unknown): string {
  return JSON.stringify({ op, d });
}

/** 4500 and above, in the order of the table. */
function codeOf(why: CloseName): number {
  return 4500 + Object.keys(CLOSE_CODES).indexOf(why);
}

/** The client's side of {@link OPCODE_DIALECT}. */
export const OPCODE_CLIENT: WholeClientSide = {
  dialect: OPCODE_DIALECT,
  say: {
    authenticate: (token, at) =>
      at === undefined
        ? frame(OP.identify, { token })
        : frame(OP.resume, { token, session: `${at.epoch}.${at.base}`, s: at.seq - at.base }),
    renew: (token) => frame(OP.renew, { token }),
    acknowledge: (number) => frame(OP.heartbeat, number),
    subscribe: (topics) => frame(OP.subscribe, { topics }),
    nonsense: () => frame(99, null),
  },
  hear(text): Heard[] {
    const {
      op,
      t,
      s = 0,
      d,
      id = "",
    } = JSON.parse(text) as {
      op: number;
      t?: string;
      s?: number;
      id?: string;
      d: Record<string, never>;
    };
    switch (op) {
      case OP.event:
        if (t === "RESUMED") return [{ what: "resumed" }];
        if (t !== "READY") return [{ what: "event", number: s, id, event: t ?? "", payload: d }];
        return [
          {
            what: "snapshot",
            number: s,
            reason: d["reason"] ?? "",
            state: d["state"] ?? {},
            ...positionOf(d["session"] ?? "", s),
          },
        ];
      case OP.hello:
        return [{ what: "hello" }];
      case OP.heartbeat:
        return [{ what: "probe" }];
      case OP.answer:
        return [{ what: "answer" }];
      case OP.renew:
        return [{ what: "renewed" }];
      case OP.refused:
        return [{ what: "refused", code: d["code"] ?? "" }];
      default:
        return [];
    }
  },
};
