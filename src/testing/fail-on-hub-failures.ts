/** Set-up of every test in Node. A test that expects a hub to fail has to spy on `console.error` itself. */
import { afterAll, afterEach, beforeAll, expect } from "vitest";
import { noteHubFailure, takeHubFailures } from "./hub-failures.ts";

const write = console.error;

beforeAll(() => {
  console.error = (...parts: unknown[]) => {
    noteHubFailure(parts[0]);
    write(...parts);
  };
});

afterEach(() => {
  expect(takeHubFailures()).toEqual([]);
});

afterAll(() => {
  console.error = write;
});
