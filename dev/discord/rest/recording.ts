import type { MiddlewareHandler } from "hono";
import type { Clock } from "../../../src/platform/clock.ts";
import { pathInVersion, type RestBindings } from "./request.ts";

/** Maximum of calls that are kept. */
const CALLS_MAX = 2_000;

/** A REST call that was answered, for tests and measurements. */
export interface AnsweredCall {
  /** Counts all calls since the start, from 1. With it a reader notices dropped calls. */
  readonly n: number;
  /** When it was answered, RFC 3339. */
  readonly at: string;
  readonly method: string;
  /** Below `/api/v10`, without the query. */
  readonly path: string;
  /** The HTTP status; 0: the connection was cut. */
  readonly status: number;
}

/** The last calls, oldest first. */
export class CallLog {
  readonly #clock: Clock;
  readonly #calls: AnsweredCall[] = [];
  #count = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  add(call: Pick<AnsweredCall, "method" | "path" | "status">): void {
    this.#count += 1;
    this.#calls.push({ n: this.#count, at: new Date(this.#clock()).toISOString(), ...call });
    if (this.#calls.length > CALLS_MAX) this.#calls.shift();
  }

  list(): readonly AnsweredCall[] {
    return this.#calls;
  }
}

/** A call and its answer, as sent on the wire. */
export interface RestExchange {
  readonly method: string;
  /** Below `/api/v10`, without the query. */
  readonly path: string;
  readonly query: Readonly<Record<string, string>>;
  readonly headers: Readonly<Record<string, string>>;
  /** The body as it was received. */
  readonly request: string;
  readonly status: number;
  readonly answerHeaders: Readonly<Record<string, string>>;
  readonly answer: string;
  /** Whether a fault of a test replaced the answer, so that it may not have Discord's form. */
  readonly invented: boolean;
}

/** Logs every call with the status of its answer. */
export function recordCalls(calls: CallLog): MiddlewareHandler<RestBindings> {
  return async (c, next) => {
    await next();
    const status = c.env.incoming.socket.destroyed ? 0 : c.res.status;
    calls.add({ method: c.req.method, path: pathInVersion(c.req.path), status });
  };
}

/**
 * Passes on every exchange as sent on the wire. It is the outermost rule, so that it sees the answers of the
 * others.
 */
export function recordExchanges(
  onExchange: (exchange: RestExchange) => void,
): MiddlewareHandler<RestBindings> {
  return async (c, next) => {
    // The body must be read before the route has consumed it.
    const request = await c.req.text();
    await next();
    if (c.env.incoming.socket.destroyed) return;
    onExchange({
      method: c.req.method,
      path: pathInVersion(c.req.path),
      query: c.req.query(),
      headers: c.req.header(),
      request,
      status: c.res.status,
      answerHeaders: Object.fromEntries(c.res.headers),
      answer: await c.res.clone().text(),
      invented: c.get("invented") ?? false,
    });
  };
}
