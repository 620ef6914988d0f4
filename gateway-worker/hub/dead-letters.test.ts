import { mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { DEAD_LETTERS_MAX_BYTES, DeadLetters } from "./dead-letters.ts";

const EVENT = {
  position: 1,
  guildId: "g",
  id: "i",
  event: "e",
  payload: '{"a":1}',
  ts: 5,
  trace: "a".repeat(32),
};

let directory: string;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "letters-"));
});

afterEach(async () => {
  await rm(directory, { recursive: true });
});

test("one line per event, with everything that a person needs to send it again", async () => {
  const letters = new DeadLetters(directory);
  letters.keep(EVENT, "invalid_event", 0);
  letters.keep(EVENT, "http_400", 0);
  const lines = (await readFile(join(directory, "dead-letters.jsonl"), "utf8")).split("\n");
  expect(lines).toHaveLength(3);
  expect(JSON.parse(lines[0] ?? "")).toEqual({
    time: "1970-01-01T00:00:00.000Z",
    why: "invalid_event",
    id: "i",
    guildId: "g",
    event: "e",
    ts: 5,
    trace: "a".repeat(32),
    payload: { a: 1 },
  });
});

test("one byte over the limit starts a new file, and the full one is kept", async () => {
  const file = join(directory, "dead-letters.jsonl");
  const letters = new DeadLetters(directory);
  await writeFile(file, Buffer.alloc(DEAD_LETTERS_MAX_BYTES, " "));
  letters.keep(EVENT, "full", 0);
  const full = (await stat(file)).size;
  expect(full).toBeGreaterThan(DEAD_LETTERS_MAX_BYTES);
  letters.keep(EVENT, "after", 0);
  expect((await stat(join(directory, "dead-letters.old.jsonl"))).size).toBe(full);
  expect(JSON.parse(await readFile(file, "utf8"))).toMatchObject({ why: "after" });
});
