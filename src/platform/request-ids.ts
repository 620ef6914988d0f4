import { AsyncLocalStorage } from "node:async_hooks";
import { z } from "zod";
import { TraceId } from "../protocol/trace.ts";

/** Ids on every log line of a request, in the Worker and in the hub that it calls. */
export const RequestIds = z.object({
  /** Our own id of this request. */
  requestId: z.string(),
  /** Trace of the request's cause, which may be far outside of us (W3C Trace Context). */
  traceId: TraceId,
});
export type RequestIds = z.infer<typeof RequestIds>;

const present = new AsyncLocalStorage<RequestIds | undefined>();

/**
 * Runs `work` and everything that it starts as part of this request, so that the log and calls to hubs find its
 * ids. Another object does not get them by itself: a call passes them, and the object calls this function again.
 * @param ids undefined: work without a request, such as a scheduled task
 */
export function asRequest<T>(ids: RequestIds | undefined, work: () => T): T {
  return present.run(ids, work);
}

/** The ids of the current request; undefined outside of a request. */
export function requestIds(): RequestIds | undefined {
  return present.getStore();
}
