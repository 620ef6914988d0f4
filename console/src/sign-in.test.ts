import { ErrorResponse } from "oidc-client-ts";
import { expect, it } from "vitest";
import { callbackProblem } from "./sign-in.ts";

it.each([
  [
    "a rule of the provider, such as that only members of the guild come in",
    { error: "access_denied", error_description: "Join our Discord server first." },
    "The sign-in service refused: Join our Discord server first.",
  ],
  ["who turned back", { error: "access_denied" }, "You cancelled the sign-in."],
  [
    "another refusal",
    { error: "invalid_scope", error_description: "unknown scope" },
    "The sign-in service refused: unknown scope.",
  ],
  [
    "a refusal without words",
    { error: "server_error" },
    "The sign-in service refused: server_error.",
  ],
])("says what stopped a sign-in: %s", (_what, answer, words) => {
  expect(callbackProblem(new ErrorResponse(answer))).toBe(words);
});

it("suggests a retry after any other failure", () => {
  expect(callbackProblem(new Error("No matching state found in storage"))).toBe(
    "The sign-in was not completed. Please try again.",
  );
});
