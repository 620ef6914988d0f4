import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { base64Of, newAccountKey } from "../../../testing/account-key.ts";
import { publicKeyHex, signerOf } from "./account-keys.ts";

/** The third test of RFC 8032 §7.1. */
const KNOWN = {
  publicKey: "/FHNjmIYoaONpH7QAjDwWAgW7RO6MwOsXeuRFUiQgCU=",
  challenge: "r4I=",
  signature:
    "YpHWV97sJAJIJ+acOr4BowzlSKKEdDpEXjaA19taw6wY/5tTjRbykK5n92CYTcZZSnwV6XFu0o3AJ77O6h7ECg==",
};
const KNOWN_HEX = "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025";

const bytes = (length: number): string => base64Of(new Uint8Array(length).fill(7));

describe("the signature of an account (sync.md §2.1)", () => {
  it("is accepted, and gives the key as lower-case hex", async () => {
    expect(await signerOf(KNOWN)).toBe(KNOWN_HEX);
  });

  it("may be of a challenge of any length", async () => {
    const key = await newAccountKey();
    for (const length of [1, 32, 10_000]) {
      const signIn = await key.signs(new Uint8Array(length));
      expect(await signerOf(signIn)).toBe(publicKeyHex(key.publicKey));
    }
  });

  it.each([
    ["another key", { publicKey: "PUAXw+hDiVqStwqnTRt+vJyYLM8uxJaMwM1V8Sr0Zgw=" }],
    ["another challenge", { challenge: "r4M=" }],
    ["a changed signature", { signature: KNOWN.signature.replace("Y", "Z") }],
    ["a key of 31 bytes", { publicKey: bytes(31) }],
    ["a key of 33 bytes", { publicKey: bytes(33) }],
    ["no key", { publicKey: "" }],
    ["a key that is no point", { publicKey: base64Of(new Uint8Array(32).fill(255)) }],
    ["a signature of 63 bytes", { signature: bytes(63) }],
    ["a signature of 65 bytes", { signature: bytes(65) }],
    ["a signature of zeros", { signature: base64Of(new Uint8Array(64)) }],
    ["a key in base64url", { publicKey: KNOWN.publicKey.replaceAll("/", "_") }],
    ["a signature in base64url", { signature: KNOWN.signature.replaceAll("/", "_") }],
    ["a key without padding", { publicKey: KNOWN.publicKey.replace("=", "") }],
    ["a challenge without padding", { challenge: "r4I" }],
    ["a challenge that is no base64", { challenge: "é" }],
  ])("is refused with %s", async (_, change) => {
    expect(await signerOf({ ...KNOWN, ...change })).toBeNull();
  });

  it("never throws, whatever is sent", async () => {
    const text = fc.oneof(
      fc.string(),
      fc.uint8Array({ minLength: 30, maxLength: 66 }).map((some) => base64Of(some)),
      fc.constantFrom(...Object.values(KNOWN)),
    );
    const signIns = fc.record({ publicKey: text, challenge: text, signature: text });
    await fc.assert(
      fc.asyncProperty(signIns, async (signIn) => {
        const signer = await signerOf(signIn);
        if (signer !== null) expect(signIn).toEqual(KNOWN);
      }),
    );
  });
});

/** The field of both curves, and the constant of Ed25519 (RFC 8032 §5.1). */
const P = 2n ** 255n - 19n;
const modP = (number: bigint): bigint => ((number % P) + P) % P;

function powerOf(base: bigint, exponent: bigint): bigint {
  let result = 1n;
  let square = modP(base);
  for (let left = exponent; left > 0n; left >>= 1n) {
    if (left & 1n) result = modP(result * square);
    square = modP(square * square);
  }
  return result;
}

const inverseOf = (number: bigint): bigint => powerOf(number, P - 2n);
const D = modP(-121665n * inverseOf(121666n));
const ROOT_OF_MINUS_ONE = powerOf(2n, (P - 1n) / 4n);

function rootOf(square: bigint): bigint | null {
  const root = powerOf(square, (P + 3n) / 8n);
  if (modP(root * root) === modP(square)) return root;
  const other = modP(root * ROOT_OF_MINUS_ONE);
  return modP(other * other) === modP(square) ? other : null;
}

type Point = readonly [x: bigint, y: bigint];

function sumOf([x, y]: Point, [u, v]: Point): Point {
  const product = modP(D * x * u * y * v);
  return [
    modP((x * v + y * u) * inverseOf(1n + product)),
    modP((y * v + x * u) * inverseOf(1n - product)),
  ];
}

const doubled = (point: Point): Point => sumOf(point, point);

/** The eight points of small order: eight times any of them is the neutral one. */
function pointsOfSmallOrder(): readonly Point[] {
  // The double of a point of order 8 has y = 0, so x² = -y², and the curve's equation becomes D·y⁴ + 2·y² - 1 = 0.
  const roots = [1n, -1n].flatMap((sign) => {
    const y2 = modP((-1n + sign * (rootOf(1n + D) ?? 0n)) * inverseOf(D));
    const y = rootOf(y2);
    if (y === null) return [];
    const x = rootOf(modP((y2 - 1n) * inverseOf(D * y2 + 1n)));
    return x === null ? [] : [[x, y] as const];
  });
  const [first] = roots;
  if (first === undefined) throw new Error("there is no point of order 8");
  const found: Point[] = [];
  for (let point: Point = first; found.length < 8; point = sumOf(point, first)) found.push(point);
  return found;
}

/** A number and the highest bit as the 32 bytes of a key, little endian, in base64. */
function keyOf(number: bigint, highest: bigint): string {
  const wide = number | (highest << 255n);
  return base64Of(
    Uint8Array.from({ length: 32 }, (_, at) => Number((wide >> BigInt(8 * at)) & 255n)),
  );
}

/** All encodings of a coordinate: those that are too large fit where it is small. */
const encodings = (coordinate: bigint): readonly string[] =>
  [coordinate, coordinate + P]
    .filter((number) => number < 2n ** 255n)
    .flatMap((number) => [keyOf(number, 0n), keyOf(number, 1n)]);

describe("a key of small order", () => {
  const points = pointsOfSmallOrder();

  it("is one of eight points", () => {
    expect(new Set(points.map(String)).size).toBe(8);
    for (const point of points) {
      expect(doubled(doubled(doubled(point)))).toEqual([0n, 1n]);
    }
  });

  it("signs in nobody, however it is written", async () => {
    const keys = new Set(points.flatMap(([, y]) => encodings(y)));
    expect(keys.size).toBe(14);
    // S = 0, and each of the points as R: for many challenges one of these is a signature that needs no secret.
    const halves = points.flatMap(([, y]) => encodings(y)).map((key) => atob(key));
    for (const publicKey of keys) {
      for (const half of halves) {
        const signature = btoa(half + "\0".repeat(32));
        for (const challenge of ["", "AA==", "r4I="]) {
          expect(await signerOf({ publicKey, challenge, signature }), publicKey).toBeNull();
        }
      }
    }
  });

  it("pairs nothing, however it is written", () => {
    // u = (1 + y) / (1 - y), which here is 0 for the neutral point. The points with p - 1 are on the curve's twist.
    const ofPoints = points.map(([, y]) => modP((1n + y) * inverseOf(1n - y)));
    const keys = new Set([...ofPoints, P - 1n].flatMap(encodings));
    expect(keys.size).toBe(14);
    for (const key of keys) expect(publicKeyHex(key), key).toBeNull();
    expect(publicKeyHex(keyOf(9n, 0n))).not.toBeNull();
    expect(publicKeyHex(keyOf(9n, 1n))).not.toBeNull();
  });
});

describe("a public key", () => {
  it("has 32 bytes in base64, and is written in lower-case hex", () => {
    expect(publicKeyHex(KNOWN.publicKey)).toBe(KNOWN_HEX);
    for (const wrong of [bytes(31), bytes(33), "", "x", KNOWN_HEX]) {
      expect(publicKeyHex(wrong)).toBeNull();
    }
  });
});
