import type { Principal } from "../auth/principal.ts";
import type { PlatformEnv } from "../env.ts";

/** What a request carries through Hono. */
export type AppEnv = {
  readonly Bindings: PlatformEnv;
  readonly Variables: {
    /** Ours: stands in the answer's `X-Request-Id`, in problems and in the log. */
    requestId: string;
    /** Of what caused the request: stands in the log and on the events that it causes. */
    traceId: string;
    /** Set by `requireAuth`. */
    principal: Principal;
  };
};
