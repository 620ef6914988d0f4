import { createPublicKey, diffieHellman, generateKeyPairSync, verify } from "node:crypto";
import { hsalsa, xsalsa20poly1305 } from "@noble/ciphers/salsa.js";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { boxKeysOf, canMakeKeys, keysOf } from "./account-keys.ts";
import { base64Of, base64UrlOf, type Bytes, bytesOfBase64 } from "./base64.ts";
import { openBox, openSecretbox, sealBox, sealSecretbox } from "./boxes.ts";
import { openMetadata } from "./sealed-metadata.ts";

/** What TweetNaCl 1.0.3 and Node's crypto make of the secret 1, 2 … 32. */
const SECRET = Uint8Array.from({ length: 32 }, (_, n) => n + 1);
const KNOWN = {
  publicKey: "ebVWLo/mVPlAeLES6KmLp5AfhTrmlb7X4OORC60ElmQ=",
  challenge: "a challenge of thirty-two bytes!",
  signature:
    "ku4B2UXSHNlWpI2ILUYpWUX1LvDuNTaT4ubLAmJVwJtk+uR80pTbnPtSJVDsIY3ry47XWXfGoEMFvm+gXNZWAA==",
  contentKey: "OBccmC1jzhK+ctvckv0ZqgAAmObIY3k67kUjB04q2EA=",
  /** Encrypted for the content key. */
  dataEncryptionKey:
    "ABO+T+rq8gTH/TNY/JwAchiB0XQngSgifsZ0839/6XttCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCxavc7tPhshfZcqHT7tkd8l/Gr12wrODI0N+HmgUvOc/UAyUv8vI2lOsQlpNrkSY",
  withSecret:
    "CQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJ3BByTg9+NpNb62C/KDsyjIlvP0hdJgRpIsXToKU6yyKrVVFskRq+GjBeNwwtrVqgy3jcLO7CBVSqeTXjgRAANphR/59u6sIEUxpblc0BhPrsobUckc9/EA==",
  withDataKey:
    "AAMDAwMDAwMDAwMDA33T6ycN2PLPCNgYvNs5BiDnSmxeXMTY7xEhHh1+cadNLzKlXh9eoE+2zh0KaMiTaIp28Qu19X/kb8fjFbnLMm6JLOHzOCaM9MQ5LZHjD5Ju26riczO1cu8=",
  metadata: { host: "laptop.local", path: "/home/ada/project", homeDir: "/home/ada" },
} as const;

const bytes = (min: number, max = min): fc.Arbitrary<Bytes> =>
  fc.uint8Array({ minLength: min, maxLength: max }).map((some) => new Uint8Array(some));
const RUNS = { numRuns: 40 };

/** Some text with one bit of one byte changed. */
function damaged(sealed: Bytes, at: number): Bytes {
  const copy = sealed.slice();
  const place = at % copy.length;
  copy[place] = (copy[place] ?? 0) ^ 1;
  return copy;
}

describe("the keys of an account", () => {
  it("are those that Happy's clients derive", async () => {
    const keys = await keysOf(SECRET);
    expect(keys.publicKey).toBe(KNOWN.publicKey);
    expect(base64Of(keys.content.publicKey)).toBe(KNOWN.contentKey);
    const challenge = new Uint8Array(new TextEncoder().encode(KNOWN.challenge));
    expect(base64Of(await keys.sign(challenge))).toBe(KNOWN.signature);
  });

  it("sign so that others can verify", async () => {
    await fc.assert(
      fc.asyncProperty(bytes(32), bytes(0, 100), async (secret, challenge) => {
        const { publicKey, sign } = await keysOf(secret);
        const x = base64UrlOf(bytesOfBase64(publicKey) ?? new Uint8Array());
        const key = createPublicKey({ key: { kty: "OKP", crv: "Ed25519", x }, format: "jwk" });
        expect(verify(null, challenge, key, await sign(challenge))).toBe(true);
      }),
      RUNS,
    );
  });

  it("can be made here", async () => {
    expect(await canMakeKeys()).toBe(true);
  });
});

describe("a secretbox", () => {
  it("opens with its key, and with no other, and not when damaged", () => {
    fc.assert(
      fc.property(bytes(0, 200), bytes(32), bytes(32), fc.nat(), (plain, key, other, at) => {
        const sealed = sealSecretbox(plain, key);
        expect(openSecretbox(sealed, key)).toEqual(plain);
        expect(openSecretbox(damaged(sealed, at), key)).toBeNull();
        fc.pre(base64Of(key) !== base64Of(other));
        expect(openSecretbox(sealed, other)).toBeNull();
      }),
      RUNS,
    );
  });

  it("opens nothing that is too short for one", () => {
    for (const length of [0, 23, 24, 39]) {
      expect(openSecretbox(new Uint8Array(length), SECRET)).toBeNull();
    }
  });
});

describe("a box", () => {
  it("opens for whom it is, and for nobody else, and not when damaged", async () => {
    await fc.assert(
      fc.asyncProperty(bytes(0, 80), bytes(32), fc.nat(), async (plain, key, at) => {
        const recipient = await boxKeysOf(key);
        const sealed = await sealBox(plain, recipient.publicKey);
        if (sealed === null) throw new Error("it was not sealed");
        expect(await openBox(sealed, recipient)).toEqual(plain);
        // The highest bit of a public key does not count, so only what is behind it is damaged.
        const place = 32 + (at % (sealed.length - 32));
        expect(await openBox(damaged(sealed, place), recipient)).toBeNull();
        expect(await openBox(sealed, await boxKeysOf(SECRET))).toBeNull();
      }),
      RUNS,
    );
  });

  it("opens with another implementation, as a terminal has it", async () => {
    const { publicKey, privateKey } = generateKeyPairSync("x25519");
    const { x = "" } = publicKey.export({ format: "jwk" });
    const plain = Uint8Array.from([0, 1, 2]);
    const sealed = await sealBox(plain, bytesOfBase64(x) ?? new Uint8Array());
    if (sealed === null) throw new Error("it was not sealed");
    const ephemeral = createPublicKey({
      key: { kty: "OKP", crv: "X25519", x: base64UrlOf(sealed.slice(0, 32)) },
      format: "jwk",
    });
    const shared = new Uint8Array(diffieHellman({ privateKey, publicKey: ephemeral }));
    const key = new Uint32Array(8);
    const sigma = new Uint32Array(new TextEncoder().encode("expand 32-byte k").buffer);
    hsalsa(sigma, new Uint32Array(shared.buffer), new Uint32Array(4), key);
    const box = xsalsa20poly1305(new Uint8Array(key.buffer), sealed.slice(32, 56));
    expect(new Uint8Array(box.decrypt(sealed.slice(56)))).toEqual(plain);
  });

  it("is not made for a key that nobody can have", async () => {
    // Points of small order: everybody would know the key.
    expect(await sealBox(SECRET, new Uint8Array(32))).toBeNull();
    expect(
      await sealBox(
        SECRET,
        Uint8Array.from({ length: 32 }, (_, n) => (n === 0 ? 1 : 0)),
      ),
    ).toBe(null);
    expect(await sealBox(SECRET, new Uint8Array(31))).toBeNull();
  });

  it("opens nothing that is too short for one", async () => {
    const keys = await boxKeysOf(SECRET);
    for (const length of [0, 31, 32, 56]) {
      expect(await openBox(new Uint8Array(length), keys)).toBeNull();
    }
  });
});

describe("metadata", () => {
  it("of older clients opens with the account's secret", async () => {
    const sealed = { metadata: KNOWN.withSecret, dataEncryptionKey: null };
    expect(await openMetadata(await keysOf(SECRET), sealed)).toEqual(KNOWN.metadata);
  });

  it("of newer clients opens with a key of its own", async () => {
    const { withDataKey: metadata, dataEncryptionKey } = KNOWN;
    const keys = await keysOf(SECRET);
    expect(await openMetadata(keys, { metadata, dataEncryptionKey })).toEqual(KNOWN.metadata);
  });

  it.each([
    ["another account's", KNOWN.withSecret, KNOWN.dataEncryptionKey],
    ["without its key", KNOWN.withDataKey, null],
    ["no base64", "é", null],
    ["empty", "", null],
    ["empty, with a key", "", KNOWN.dataEncryptionKey],
    ["with a key of another version", KNOWN.withDataKey, `AQ${KNOWN.dataEncryptionKey.slice(2)}`],
    ["with half a key", KNOWN.withDataKey, KNOWN.dataEncryptionKey.slice(0, 80)],
    ["cut", KNOWN.withDataKey.slice(0, -8), KNOWN.dataEncryptionKey],
  ])("that is %s stays closed", async (_, metadata, dataEncryptionKey) => {
    const keys = await keysOf(SECRET);
    expect(await openMetadata(keys, { metadata, dataEncryptionKey })).toBeUndefined();
  });

  it("stays closed with another secret", async () => {
    const keys = await keysOf(new Uint8Array(32).fill(1));
    const { withSecret, withDataKey, dataEncryptionKey } = KNOWN;
    for (const sealed of [
      { metadata: withSecret, dataEncryptionKey: null },
      { metadata: withDataKey, dataEncryptionKey },
    ]) {
      expect(await openMetadata(keys, sealed)).toBeUndefined();
    }
  });

  it("that is no JSON stays closed", async () => {
    const sealed = sealSecretbox(Uint8Array.from([123]), SECRET);
    const keys = await keysOf(SECRET);
    const item = { metadata: base64Of(sealed), dataEncryptionKey: null };
    expect(await openMetadata(keys, item)).toBeUndefined();
  });
});
