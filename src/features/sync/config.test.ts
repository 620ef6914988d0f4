import { describe, expect, it } from "vitest";
import { areaNames, parseConfig } from "../../config.ts";
import { ConfigError } from "../../platform/variables.ts";
import { SECRET_MIN_LENGTH } from "../../protocol/limits.ts";

const SECRET = "b7e1f0a94c2d83655a90f1ce4d7283bb";

/** The error message for these variables. */
function refusal(variables: Readonly<Record<string, string>>): string {
  try {
    parseConfig(variables);
  } catch (error) {
    if (error instanceof ConfigError) return error.message;
    throw error;
  }
  return "";
}

describe("the variables of sync (sync.md §2.2, §11)", () => {
  it("are one secret, and nothing of another area", () => {
    const config = parseConfig({ HAPPY_MASTER_SECRET: SECRET });
    expect(Object.keys(config)).toEqual(["sync"]);
    expect(config.sync).toMatchObject({
      masterSecret: SECRET,
      tokenTtlSeconds: null,
      isProduction: true,
      debugLog: { isOn: false },
      voice: {
        elevenLabs: { apiUrl: "https://api.elevenlabs.io" },
        revenueCat: { apiUrl: "https://api.revenuecat.com", publicKeys: [] },
      },
    });
  });

  it.each([
    ["HAPPY_STORE_VERSIONS", "ios"],
    ["HAPPY_STORE_VERSIONS", "=1.4.1=https://store.test"],
    ["HAPPY_STORE_VERSIONS", "ios=1.4=https://store.test"],
    ["HAPPY_STORE_VERSIONS", "ios=1.4.1=javascript:alert(1)"],
    ["HAPPY_STORE_VERSIONS", "ios=1.4.1=https://store.test,android"],
    ["ELEVENLABS_API_KEY", "short"],
    ["ELEVENLABS_API_URL", "ftp://voice.test"],
    ["REVENUECAT_API_URL", "somewhere"],
    ["DANGEROUSLY_LOG_TO_SERVER_FOR_AI_AUTO_DEBUGGING", "yes"],
    ["DEV_LOGGING_TOKEN", "short"],
  ])("are refused when %s is %s", (name, value) => {
    expect(refusal({ HAPPY_MASTER_SECRET: SECRET, [name]: value })).toContain(`${name}: `);
  });

  it("may have the secret's old name, which the new one wins over", () => {
    const old = { HANDY_MASTER_SECRET: `old${SECRET}` };
    expect(parseConfig(old).sync?.masterSecret).toBe(old.HANDY_MASTER_SECRET);
    expect(parseConfig({ ...old, HAPPY_MASTER_SECRET: SECRET }).sync?.masterSecret).toBe(SECRET);
    expect(areaNames(old)).toEqual(["sync"]);
  });

  it("limit how long tokens are valid, in whole days", () => {
    const days = (value: string) => ({ HAPPY_MASTER_SECRET: SECRET, HAPPY_TOKEN_TTL_DAYS: value });
    expect(parseConfig(days("30")).sync?.tokenTtlSeconds).toBe(30 * 86_400);
    for (const wrong of ["0", "-1", "1.5", "x"]) {
      expect(refusal(days(wrong))).toContain("HAPPY_TOKEN_TTL_DAYS");
    }
    expect(refusal(days("abc"))).toContain("HAPPY_TOKEN_TTL_DAYS: must be a number.");
  });

  it("are refused without a secret", () => {
    expect(refusal({ AREAS: "sync" })).toContain("HAPPY_MASTER_SECRET: is missing");
  });

  it.each([
    ["is short", SECRET.slice(0, SECRET_MIN_LENGTH - 1), "at least 32 characters"],
    ["is one character", "x".repeat(40), "sample value"],
    ["has few different characters", "0101011001101010101101010101010101", "different characters"],
    ["repeats a text", "0123456789abcdef0123456789abcdef", "repeats one text"],
    [
      "is a sample of Happy servers",
      "your-super-secret-key-for-local-development",
      '"your-super-secret"',
    ],
    ["is a sample in another spelling", "YOUR_SUPER_SECRET_KEY_FOR_PRODUCTION", "your-super"],
    ["begins like a sample", `change-me-${SECRET}`, '"change-me"'],
    ["is a sample of a Compose file", "replace-with-a-high-entropy-secret", "high-entropy-secret"],
  ])("are refused when the secret %s", (_, secret, sentence) => {
    for (const name of ["HAPPY_MASTER_SECRET", "HANDY_MASTER_SECRET"]) {
      const message = refusal({ [name]: secret });
      expect(message).toContain(`${name}: `);
      expect(message).toContain(sentence);
    }
  });

  it.each(["abcd", "secret", "x".repeat(8)])("name one reason for the secret %s", (secret) => {
    expect(refusal({ HAPPY_MASTER_SECRET: secret }).match(/HAPPY_MASTER_SECRET: /g)).toHaveLength(
      1,
    );
  });

  it("are refused without a word of the secret that is not public", () => {
    expect(refusal({ HAPPY_MASTER_SECRET: `changeme-${SECRET}` })).not.toContain(SECRET);
  });
});
