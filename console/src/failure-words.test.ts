import { describe, expect, it } from "vitest";
import type { Failure } from "../../src/client/outcome.ts";
import { failureOf, UNREACHABLE } from "../../src/client/problem.ts";
import { ERROR_CODES } from "../../src/protocol/error-codes.ts";
import { type Attempt, failureInWords } from "./failure-words.ts";

/** Technical terms that must not appear on the page. */
const API_WORDS = /token|claim|scope|guild|retry-after|header|idempotenc|request ?id|json|rooms:/i;
const FOR_PROGRAMS =
  "Your token's guilds claim lacks the scope rooms:manage. Repeat it with the same idempotency key after the time in Retry-After; see the requestId.";

const answer = (code: string, retryAfter: string | null = null, message = FOR_PROGRAMS): Failure =>
  failureOf(
    { ...ERROR_CODES, other: { status: 418 } }[code as keyof typeof ERROR_CODES].status,
    retryAfter,
    { code, message, requestId: "01JD2X" },
  );

describe("why something failed", () => {
  it.each([...Object.keys(ERROR_CODES), "other"])(
    "is explained without technical terms: %s",
    (code) => {
      // This sentence is Discord's own; nothing of it is ours.
      const own = code === "discord_refused" ? "Discord refused: Missing Permissions." : undefined;
      for (const attempt of ["open", "end", "invite", undefined] as const) {
        const words = failureInWords(answer(code, null, own), attempt);
        expect(words).not.toMatch(API_WORDS);
        expect(words).toMatch(/^[A-Z].{10,}[.\w]$/);
      }
    },
  );

  it.each<[string, string | null, Attempt | undefined, RegExp]>([
    ["rate_limited", "12", "open", /^That was quick\. Try again in 12 seconds\.$/],
    ["rate_limited", "1", "open", /in 1 second\.$/],
    ["discord_rate_limited", "600", "end", /^Discord has a lot to do\. Try again in 10 minutes\.$/],
    ["unavailable", null, "invite", /Try again in a moment\.$/],
    ["forbidden_guild", null, "open", /^You are not a member of this server\./],
    ["forbidden", null, "end", /^Only the person who opened this room/],
    ["idempotency_in_flight", "5", "open", /still finding out .* Press Open room again/],
    ["discord_failed", null, "open", /still finding out .* Press Open room again/],
    ["discord_failed", null, "end", /^Discord did not answer properly/],
    ["discord_refused", "30", "open", /^Discord does not accept the bot/],
    ["internal", null, "end", /with this number: 01JD2X$/],
  ])("says what to do: %s, %s, %s", (code, retryAfter, attempt, words) => {
    expect(failureInWords(answer(code, retryAfter), attempt)).toMatch(words);
  });

  it("is the client's own message without an answer", () => {
    expect(failureInWords(UNREACHABLE, "open")).toBe(UNREACHABLE.message);
  });

  it("does not repeat the answer of a proxy", () => {
    const words = failureInWords(failureOf(502, null, { message: "upstream header mismatch" }));
    expect(words).toBe("That did not work just now. Try again in a moment.");
  });
});
