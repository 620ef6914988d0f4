import type { FaceitFailure } from "../ports.ts";

/** Why FACEIT did not look somebody up, as the person reads it. */
export function faceitWords(failure: FaceitFailure): string {
  switch (failure.kind) {
    case "not_found":
      return "FACEIT has no player with this nickname. Mind capital letters.";
    case "refused":
      return "FACEIT does not let this server look players up. Whoever runs it must check `FACEIT_API_KEY`.";
    case "rate_limited":
      return `FACEIT asks for a pause. Try again in ${Math.max(1, Math.ceil(failure.retryAfterMs / 1000))} seconds.`;
    case "failed":
      return "FACEIT does not answer. Try again in a moment.";
  }
}

/** What somebody reads who looks up more players than a minute allows. */
export const LOOKED_UP_OFTEN = "You looked up many players. Wait a minute.";
