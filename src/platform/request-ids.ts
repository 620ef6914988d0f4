import { AsyncLocalStorage } from "node:async_hooks";
import { z } from "zod";
import { TraceId } from "../protocol/trace.ts";

/** What every log line of a request carries, in the Worker and in the hub that it calls. */
export const RequestIds = z.object({
  /** Ours, of this one request. */
  requestId: z.string(),
  /** Of what caused it, possibly far before us (W3C Trace Context). */
  traceId: TraceId,
});
export type RequestIds = z.infer<typeof RequestIds>;

const present = new AsyncLocalStorage<RequestIds | undefined>();

/**
 * Runs `work`, and all that it starts, as part of this request: the log and calls to hubs find its ids
 * by themselves. A call to another object does not take them along: it passes them and does this anew.
 * @param ids undefined: of nobody's request, as a task that a clock started
 */
export function asRequest<T>(ids: RequestIds | undefined, work: () => T): T {
  return present.run(ids, work);
}

/** The ids of the request that is being worked on; undefined outside of one. */
export function requestIds(): RequestIds | undefined {
  return present.getStore();
}
