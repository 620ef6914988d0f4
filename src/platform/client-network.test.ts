import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { clientNetwork } from "./client-network.ts";

const group = fc.integer({ min: 0, max: 0xffff });
const groups = (count: number) => fc.array(group, { minLength: count, maxLength: count });

/** The address in full, and in other forms that software writes. */
function spellings(all: readonly number[]): string[] {
  const full = all.map((one) => one.toString(16).padStart(4, "0")).join(":");
  const short = all.map((one) => one.toString(16)).join(":");
  return [full, full.toUpperCase(), short, new URL(`http://[${full}]`).hostname.slice(1, -1)];
}

describe("addresses that count as one client", () => {
  test("a whole IPv6 /64, in every notation of its addresses", () => {
    fc.assert(
      fc.property(groups(4), groups(4), groups(4), (network, one, other) => {
        // The all-zero network holds the IPv4-mapped addresses.
        fc.pre(network.some((part) => part !== 0));
        const seen = [one, other].flatMap((host) => spellings([...network, ...host]));
        expect(new Set(seen.map(clientNetwork)).size).toBe(1);
      }),
    );
  });

  test("two IPv6 /64 are two clients", () => {
    fc.assert(
      fc.property(groups(8), groups(8), (one, other) => {
        fc.pre(one.slice(0, 4).join() !== other.slice(0, 4).join());
        const [a = "", b = ""] = [one, other].map((all) => spellings(all)[0]);
        expect(clientNetwork(a)).not.toBe(clientNetwork(b));
      }),
    );
  });

  test("an IPv4 address, also when it is written as IPv6", () => {
    fc.assert(
      fc.property(fc.ipV4(), fc.ipV4(), (one, other) => {
        expect(clientNetwork(`::ffff:${one}`)).toBe(one);
        expect(clientNetwork(one)).toBe(one);
        fc.pre(one !== other);
        expect(clientNetwork(`::ffff:${other}`)).not.toBe(clientNetwork(one));
      }),
    );
  });

  test.each(["::1", "::", "2001:db8::1", "2001:db8:1:2::", "fe80::1:2:3:4"])(
    "%s is one",
    (text) => {
      expect(clientNetwork(text)).toMatch(/^[\da-f]+(?::[\da-f]+){3}::\/64$/);
    },
  );

  test.each([undefined, "", "nobody", "1.2.3", "fe80::1%eth0", "1::2::3", "::1]/x[", "g::1", ":"])(
    "%j counts with all unknown addresses",
    (text) => {
      expect(clientNetwork(text)).toBe("unknown");
    },
  );
});
