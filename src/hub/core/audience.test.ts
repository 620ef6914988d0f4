import { describe, expect, test } from "vitest";
import { mayRead } from "./audience.ts";

describe("HUB-8 an audience", () => {
  test("null is for everyone, an empty one for nobody, any other for readers with one of its grants", () => {
    const grants = new Set(["sub:alice", "scope:x"]);
    expect(mayRead(null, new Set())).toBe(true);
    expect(mayRead([], grants)).toBe(false);
    expect(mayRead(["scope:y", "scope:x"], grants)).toBe(true);
    expect(mayRead(["scope:y", "sub:bob"], grants)).toBe(false);
    expect(mayRead(["sub:alice"], new Set())).toBe(false);
  });
});
