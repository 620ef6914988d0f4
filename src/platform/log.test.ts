import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { log } from "./log.ts";
import { asRequest } from "./request-ids.ts";

const IDS = { requestId: "r-1", traceId: "4bf92f3577b34da6a3ce929d0e0e4736" };

let lines: string[];

beforeEach(() => {
  lines = [];
  for (const level of ["info", "warn", "error"] as const) {
    vi.spyOn(console, level).mockImplementation((line: unknown) => void lines.push(String(line)));
  }
});

afterEach(() => {
  vi.restoreAllMocks();
});

const written = (): Record<string, unknown>[] =>
  lines.map((line): Record<string, unknown> => JSON.parse(line));

test("a log line has the ids of its own request, also after an await, and never those of another", async () => {
  const other = { ...IDS, requestId: "r-2" };
  const work = async (mine: typeof IDS): Promise<void> => {
    await Promise.resolve();
    log("info", mine.requestId);
  };
  await Promise.all([asRequest(IDS, () => work(IDS)), asRequest(other, () => work(other))]);
  log("info", "outside");
  const [first, second, outside] = written();
  expect(first).toEqual({ level: "info", event: "r-1", ...IDS });
  expect(second).toEqual({ level: "info", event: "r-2", ...other });
  expect(outside).toEqual({ level: "info", event: "outside" });
});

test("an error is written with its stack, and one line stays one line", () => {
  log("error", "failed", { error: new Error("first\nsecond"), guildId: "g" });
  expect(lines[0]).not.toContain("\n");
  expect(written()[0]).toMatchObject({
    guildId: "g",
    error: { name: "Error", message: "first\nsecond", stack: expect.stringContaining("log.test") },
  });
});

test.each([
  ["a token", "eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJhIn0.c2lnbmF0dXJl"],
  ["a token after other letters", "for-eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJhIn0.c2lnbmF0dXJl"],
  ["a token after a line end", "\neyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJhIn0.c2lnbmF0dXJl"],
  ["a token after other dots", "a.b.c.d.eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJhIn0.c2lnbmF0dXJl"],
  ["a ticket", "eyJhbGciOiJkaXIifQ..aXZpdml2.Y2lwaGVydGV4dA.dGFn"],
  ["a header", "Bearer opaque-token-0123456789"],
  ["the bot's header", "Bot MTAx.abc.def-0123456789"],
  ["an address", "https://hub.test/ws?ticket=opaque-ticket-0123456789&batch=1"],
  ["a way back", "https://hub.test/faceit/callback?code=abab&state=opaque-0123456789"],
  ["a form", "grant_type=authorization_code&code_verifier=opaque-0123456789"],
  ["a short answer", `{"access_token":"opaque-0123456789"}`],
  ["an answer", `{"access_token":"opaque-0123456789","id_token": "opaque-0123456789"}`],
  ["a signature", `sha256=${"ab".repeat(32)}`],
])("%s in the message of an error is not logged", (_, text) => {
  log("warn", "refused", { error: new Error(`cannot use ${text} here`), detail: text });
  // Without the error a line has no spaces of its own.
  log("warn", "refused", { detail: text });
  for (const line of lines) {
    for (const secret of [/eyJ/, /0123456789/, /abab/]) expect(line).not.toMatch(secret);
  }
  for (const { detail } of written()) expect(detail).toMatch(/\[token\]|\[signature\]/);
});
