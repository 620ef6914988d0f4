import { z } from "zod";
import {
  type AreaConfig,
  BaseUrl,
  ConfigError,
  defineConfig,
  HttpUrl,
  List,
} from "../../platform/variables.ts";
import { SecretValue } from "../../protocol/secret.ts";
import { readVersion } from "./app-version.ts";

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

/** `<platform>=<oldest version>=<address>` of each store, separated by commas. */
const StoreVersions = List.transform((items, context) =>
  items.flatMap((item) => {
    const [platform = "", version = "", ...rest] = item.split("=");
    const updateUrl = rest.join("=");
    const oldest = readVersion(version);
    if (platform !== "" && oldest !== null && HttpUrl.safeParse(updateUrl).success) {
      return [{ platform: platform.toLowerCase(), oldest, updateUrl }];
    }
    const message = `"${item}" is not <platform>=<version>=<address>`;
    context.addIssue({ code: "custom", message });
    return [];
  }),
);

/** The versions of Happy's app that its clients need, and where its stores have them (sync.md §3.10). */
const HAPPY_STORES =
  "ios=1.4.1=https://apps.apple.com/app/id6748571505," +
  "android=1.4.1=https://play.google.com/store/apps/details?id=com.ex3ndr.happy";

/** Places that are not production, as `ENVIRONMENT` names them. Without it, it is production. */
const NOT_PRODUCTION: ReadonlySet<string | undefined> = new Set(["development", "staging"]);

const Variables = z.object({
  HAPPY_MASTER_SECRET: MasterSecret.optional(),
  /** Its name in older servers. */
  HANDY_MASTER_SECRET: MasterSecret.optional(),
  HAPPY_TOKEN_TTL_DAYS: z.coerce.number().int().min(1).max(3_650).optional(),
  HAPPY_STORE_VERSIONS: StoreVersions.prefault(HAPPY_STORES),
  ELEVENLABS_API_KEY: z.string().min(8).optional(),
  ELEVENLABS_API_URL: BaseUrl.default("https://api.elevenlabs.io"),
  REVENUECAT_API_URL: BaseUrl.default("https://api.revenuecat.com"),
  REVENUECAT_PUBLIC_KEYS: List.default([]),
  DANGEROUSLY_LOG_TO_SERVER_FOR_AI_AUTO_DEBUGGING: z
    .enum(["true", "false"])
    .default("false")
    .transform((value) => value === "true"),
  DEV_LOGGING_TOKEN: z.string().min(16).optional(),
  ENVIRONMENT: z.string().optional(),
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
    isProduction: !NOT_PRODUCTION.has(vars.ENVIRONMENT),
    /** The oldest versions of Happy's app that are not told to update. */
    storeVersions: vars.HAPPY_STORE_VERSIONS,
    /** Whether clients may write into the log, and with which secret; without one, all of them. */
    debugLog: {
      isOn: vars.DANGEROUSLY_LOG_TO_SERVER_FOR_AI_AUTO_DEBUGGING,
      token: vars.DEV_LOGGING_TOKEN,
    },
    voice: {
      /** Without a key there is no voice. */
      elevenLabs: { apiKey: vars.ELEVENLABS_API_KEY, apiUrl: vars.ELEVENLABS_API_URL },
      /** Apps whose subscribers may speak; empty: the app itself names its key. */
      revenueCat: { apiUrl: vars.REVENUECAT_API_URL, publicKeys: vars.REVENUECAT_PUBLIC_KEYS },
    },
  };
});
export type SyncConfig = ReturnType<typeof syncConfigOf>;

/** Sync runs where there is a secret for its tokens. */
export const syncVariables: AreaConfig<SyncConfig> = {
  startedBy: ["HAPPY_MASTER_SECRET", "HANDY_MASTER_SECRET"],
  parse: syncConfigOf,
};
