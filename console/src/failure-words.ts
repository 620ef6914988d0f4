import type { Failure } from "../../src/client/outcome.ts";
import type { ErrorCode } from "../../src/protocol/error-codes.ts";
import { count } from "./time-words.ts";

/** What the person tried; absent: only to see the page. */
export type Attempt = "open" | "end" | "invite";

type Words = (failure: Failure, attempt: Attempt | undefined) => string;

const OUTDATED = "The server does not accept what this page sent. Reload the page and try again.";
const UNDECIDED =
  "We are still finding out whether the room was opened. Press Open room again in a minute: it is opened only once.";

/**
 * Why something failed, for the person who pressed the button. The API's own message is for programs: it
 * speaks of tokens and headers.
 */
export function failureInWords(failure: Failure, attempt?: Attempt): string {
  // Without a status there was no answer, and the message is the client's own.
  if (failure.status === undefined) return failure.message;
  const known: Readonly<Record<string, Words | undefined>> = BY_CODE;
  const words = known[failure.code ?? ""] ?? BY_KIND[failure.kind];
  return words(failure, attempt);
}

const BY_KIND: Readonly<Record<Failure["kind"], Words>> = {
  "signed-out": () => "Your sign-in is no longer valid. Please sign in again.",
  refused: () => OUTDATED,
  busy: (failure) => `That did not work just now. ${again(failure)}`,
  unreachable: ({ message }) => message,
};

const BY_CODE: Readonly<Partial<Record<ErrorCode, Words>>> = {
  forbidden: (_, attempt) =>
    attempt === "end" ? "Only the person who opened this room can end it." : "You may not do this.",
  forbidden_guild: () =>
    "You are not a member of this server. If you have just joined it, sign out and in again.",
  discord_account_needed: () =>
    "Your sign-in does not say which Discord account is yours, so a private room would keep you out. Open one that is not private.",
  room_not_found: () => "This room is not open any more.",
  rate_limited: (failure) => `That was quick. ${again(failure)}`,
  idempotency_in_flight: () => UNDECIDED,
  discord_failed: (failure, attempt) =>
    attempt === "open" ? UNDECIDED : `Discord did not answer properly. ${again(failure)}`,
  discord_rate_limited: (failure) => `Discord has a lot to do. ${again(failure)}`,
  discord_refused: ({ message, retryAfterMs }) =>
    retryAfterMs === undefined
      ? `${message} An administrator of the server can look at what the bot may do.`
      : "Discord does not accept the bot at the moment. The operator of this page has to fix it.",
  unavailable: (failure) => `The server can't do this right now. ${again(failure)}`,
  internal: ({ requestId }) =>
    `Something went wrong on our side. Try again. If it happens again, tell the operator of this page${
      requestId === undefined ? "." : `, with this number: ${requestId}`
    }`,
};

function again({ retryAfterMs }: Failure): string {
  if (retryAfterMs === undefined) return "Try again in a moment.";
  const seconds = Math.max(1, Math.ceil(retryAfterMs / 1_000));
  const time = seconds < 90 ? count(seconds, "second") : count(Math.ceil(seconds / 60), "minute");
  return `Try again in ${time}.`;
}
