import { z } from "zod";
import { type AreaConfig, ConfigError, defineConfig } from "../../platform/variables.ts";
import { SecretValue } from "../../protocol/secret.ts";

/**
 * Parts of secrets that stand in public samples, tests and Compose files of Happy servers. Whoever knows the secret
 * can make a token for every account (sync.md §11, issue 1764).
 */
const PUBLIC_PARTS = [
  "your-super-secret",
  "local-development",
  "super-secret-key",
  "secure-secret-key",
  "high-entropy-secret",
  "random-secret",
  "test-secret",
  "dev-secret",
  "that-is-long-enough",
  "your-secret",
  "change-this",
  "change-me",
  "changeme",
  "replace-with",
  "replace-me",
  "please-change",
] as const;

/** A random secret of 32 characters has fewer different ones once in a million million. */
const DIFFERENT_CHARACTERS_MIN = 8;

const HOW = "make a random one: openssl rand -hex 32";

/** Why a secret can be guessed; null: nothing shows that it can. The text repeats no part of an unknown secret. */
function whyGuessable(secret: string): string | null {
  const text = secret.toLowerCase().replaceAll(/[_ ]/g, "-");
  const part = PUBLIC_PARTS.find((one) => text.includes(one));
  if (part !== undefined) return `contains "${part}" like public samples do, so ${HOW}`;
  if (new Set(secret).size < DIFFERENT_CHARACTERS_MIN) {
    return `has fewer than ${DIFFERENT_CHARACTERS_MIN} different characters, so ${HOW}`;
  }
  return isRepeated(secret) ? `repeats one text, so ${HOW}` : null;
}

/** Whether a text is a shorter one, twice or more often. */
function isRepeated(text: string): boolean {
  const again = (text + text).indexOf(text, 1);
  return again < text.length;
}

const MasterSecret = SecretValue.superRefine((secret, context) => {
  const message = whyGuessable(secret);
  if (message !== null) context.addIssue({ code: "custom", message });
});

const Variables = z.object({
  HAPPY_MASTER_SECRET: MasterSecret.optional(),
  /** Its name in older servers. */
  HANDY_MASTER_SECRET: MasterSecret.optional(),
  HAPPY_TOKEN_TTL_DAYS: z.coerce.number().int().min(1).max(3_650).optional(),
});

/** The variables of sync. It needs no other area's, so one secret is enough to start. */
export const syncConfigOf = defineConfig(Variables, (vars) => {
  const masterSecret = vars.HAPPY_MASTER_SECRET ?? vars.HANDY_MASTER_SECRET;
  if (masterSecret === undefined) throw new ConfigError(["HAPPY_MASTER_SECRET: is missing"]);
  const days = vars.HAPPY_TOKEN_TTL_DAYS;
  return {
    /** All keys are derived from it: without it no token is valid, and nothing encrypted can be read. */
    masterSecret,
    /** How long new tokens are valid, seconds; null: for ever, because published clients cannot renew them. */
    tokenTtlSeconds: days === undefined ? null : days * 86_400,
  };
});
export type SyncConfig = ReturnType<typeof syncConfigOf>;

/** Sync runs where there is a secret for its tokens. */
export const syncVariables: AreaConfig<SyncConfig> = {
  startedBy: ["HAPPY_MASTER_SECRET", "HANDY_MASTER_SECRET"],
  parse: syncConfigOf,
};
