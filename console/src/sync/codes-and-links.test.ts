import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { base64Of, base64UrlOf, type Bytes, bytesOfBase64 } from "./base64.ts";
import { terminalKeyIn } from "./pairing-link.ts";
import { backupCodeOf, secretIn } from "./secret-code.ts";

const KEY = Uint8Array.from({ length: 32 }, (_, n) => 255 - n);
const secrets = fc
  .uint8Array({ minLength: 32, maxLength: 32 })
  .map((some): Bytes => new Uint8Array(some));

describe("a backup code", () => {
  it("is base32 in groups of five, as Happy's app writes it", () => {
    expect(backupCodeOf(new Uint8Array(32))).toBe(`${"AAAAA-".repeat(10)}AA`);
    const counted = Uint8Array.from({ length: 32 }, (_, n) => n + 1);
    expect(backupCodeOf(counted)).toBe(
      "AEBAG-BAFAY-DQQCI-KBMGA-2DQPC-AIREE-YUCUL-BOGAZ-DINRY-HI6D4-QA",
    );
  });

  it("leads back to its secret, however it is written", () => {
    fc.assert(
      fc.property(secrets, (secret) => {
        const code = backupCodeOf(secret);
        expect(code).toMatch(/^(?:[A-Z2-7]{5}-){10}[A-Z2-7]{2}$/);
        const misread = code.replaceAll("O", "0").replaceAll("I", "1").replaceAll("B", "8");
        for (const written of [
          code,
          ` ${code.toLowerCase()}\n`,
          code.replaceAll("-", ""),
          code.replaceAll("-", " "),
          misread,
          base64Of(secret),
          base64UrlOf(secret),
        ]) {
          expect(secretIn(written)).toEqual(secret);
        }
      }),
    );
  });

  it.each([
    ["nothing", ""],
    ["words", "correct horse battery staple"],
    [
      "a code without its last group",
      "AEBAG-BAFAY-DQQCI-KBMGA-2DQPC-AIREE-YUCUL-BOGAZ-DINRY-HI6D4",
    ],
    ["a wrong last character", `${"AAAAA-".repeat(10)}AB`],
    ["a character that is none", `${"AAAAA-".repeat(10)}A!`],
    ["33 bytes in base64", base64Of(new Uint8Array(33))],
    ["a link of a terminal", `happy://terminal?${base64UrlOf(KEY)}`],
  ])("is not %s", (_, text) => {
    expect(secretIn(text)).toBeNull();
  });
});

describe("the link of a terminal", () => {
  const key = base64UrlOf(KEY);

  it.each([
    ["its picture", `happy://terminal?${key}`],
    ["its address", `https://app.example.org/terminal/connect#key=${key}`],
    ["an address on this machine", `http://127.0.0.1:8787/terminal/connect#key=${key}`],
    ["with spaces and a line end around it", `  happy://terminal?${key}\n`],
    ["behind other words", `Open this: happy://terminal?${key}`],
    ["in the other alphabet", `happy://terminal?${base64Of(KEY)}`],
    ["encoded once more", `happy://terminal?${encodeURIComponent(base64Of(KEY))}`],
  ])("is read from %s", (_, text) => {
    expect(terminalKeyIn(text)).toEqual(KEY);
  });

  it.each([
    ["nothing", ""],
    ["a secret, or a key alone", key],
    ["a backup code", backupCodeOf(KEY)],
    ["a link that was cut", `happy://terminal?${key.slice(0, 40)}`],
    ["a link of another kind", `happy:///account?${key}`],
    ["wrong encoding", "happy://terminal?%zz"],
  ])("is not %s", (_, text) => {
    expect(terminalKeyIn(text)).toBeNull();
  });
});

it("base64 leads back to its bytes", () => {
  fc.assert(
    fc.property(fc.uint8Array(), (some) => {
      const bytes = new Uint8Array(some);
      expect(bytesOfBase64(base64Of(bytes))).toEqual(bytes);
      expect(bytesOfBase64(base64UrlOf(bytes))).toEqual(bytes);
      expect(base64Of(bytes)).toBe(Buffer.from(bytes).toString("base64"));
    }),
  );
});
