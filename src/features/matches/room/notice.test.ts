import { describe, expect, it } from "vitest";
import { err, ok } from "../../../platform/result.ts";
import { failureLineOf } from "./notice.ts";

const READ = { kind: "read" } as const;
const DELETE = { kind: "delete", faction: "faction1", channelId: "c" } as const;

describe("problems shown to operators", () => {
  it("include FACEIT's refusal of the key, and its silence", () => {
    const refused = {
      kind: "read",
      result: err({ kind: "refused" } as const),
      guildId: "1",
    } as const;
    expect(failureLineOf(READ, refused)).toEqual({
      event: "match.faceit_failed",
      facts: { kind: "refused" },
    });
  });

  it("include what Discord refused, with its code but not its text", () => {
    const error = { kind: "refused", status: 403, code: 50_013, message: "Missing" } as const;
    expect(failureLineOf(DELETE, { kind: "discord", result: err(error) })).toEqual({
      event: "match.discord_failed",
      facts: { what: "delete", kind: "refused", code: 50_013 },
    });
  });

  it("include neither successes nor pauses", () => {
    const paused = err({ kind: "rate_limited", retryAfterMs: 5 } as const);
    expect(failureLineOf(DELETE, { kind: "discord", result: ok(undefined) })).toBeNull();
    expect(failureLineOf(DELETE, { kind: "discord", result: paused })).toBeNull();
    expect(failureLineOf(READ, { kind: "broke" })).toBeNull();
  });
});
