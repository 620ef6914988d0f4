import { readFile, readdir } from "node:fs/promises";
import { availableParallelism } from "node:os";
import { cloudflareTest } from "@cloudflare/vitest-plugin";
import { defineConfig } from "vitest/config";

/** Secrets of the tests: they win over `.dev.vars`, so that a laptop and CI run the same. */
const TEST_BINDINGS = {
  HUB_SECRET: "test-hub-secret-0123456789-0123456789",
  HUB_SECRET_PREVIOUS: "test-old-secret-0123456789-0123456789",
  DISCORD_BOT_TOKEN: "test-bot-token-0123456789-0123456789",
  DISCORD_API_URL: "https://discord.test/api/v10",
  JWT_ISSUER: "https://idp.test",
  JWT_AUDIENCE: "guildhub",
  JWT_PUBLIC_JWK_URL: "https://idp.test/jwks",
  PRIMARY_GUILD_ID: "100000000000000001",
  WEB_ORIGIN: "https://page.test,http://localhost:8787",
  ROOM_NAME_PREFIX: "spell-coven",
  ROOM_IDLE_MINUTES: "15",
  FACEIT_WEBHOOK_SECRET: "test-webhook-secret-0123456789-0123456",
  FACEIT_WEBHOOK_SECRET_PREVIOUS: "test-old-webhook-secret-0123456789-01",
  FACEIT_API_KEY: "test-faceit-key-0123456789",
  FACEIT_API_URL: "https://faceit.test/data/v4",
  FACEIT_CLIENT_ID: "test-faceit-client",
  FACEIT_CLIENT_SECRET: "test-faceit-client-secret-0123456789",
  FACEIT_REDIRECT_URI: "https://hub.test/faceit/callback",
  FACEIT_AUTH_URL: "https://faceit.test/authorize",
  FACEIT_TOKEN_URL: "https://faceit.test/oauth/token",
  FACEIT_USERINFO_URL: "https://faceit.test/userinfo",
  DISCORD_APPLICATION_ID: "100000000000000100",
  // Of a key that nobody has: tests that sign bring their own.
  DISCORD_PUBLIC_KEY: "6328ac528ea729e015f5f34e9db31a5fae5b10619cd2d4e23b278f4fb79ef494",
  DISCORD_CLIENT_SECRET: "test-discord-client-secret-0123456789",
  VC_CATEGORY_ID: "100000000000000010",
  LOBBY_VC_ID: "100000000000000012",
  MATCH_MOVE_FROM: "anywhere",
  MATCH_GRACE_SECONDS: "60",
  HAPPY_MASTER_SECRET: "test-sync-secret-0123456789-0123456789",
};

/** When a test or a hook is given up, milliseconds: no test is about how fast a busy machine is. */
const TIMEOUT_MS = 300_000;

/** How long the fuzz tries, and what it plays again (docs/testing.md). */
const FUZZ = {
  TEST_FUZZ_RUNS: process.env["FUZZ_RUNS"] ?? "600",
  TEST_FUZZ_SEED: process.env["FUZZ_SEED"] ?? "",
  TEST_FUZZ_PATH: process.env["FUZZ_PATH"] ?? "",
};

/** The generated SQL, statement by statement, for `applyD1Migrations`. */
async function readMigrations(): Promise<{ name: string; queries: string[] }[]> {
  const names = (await readdir("migrations")).filter((name) => name.endsWith(".sql")).toSorted();
  return Promise.all(
    names.map(async (name) => {
      const sql = await readFile(`migrations/${name}`, "utf8");
      return { name, queries: sql.split("--> statement-breakpoint").map((query) => query.trim()) };
    }),
  );
}

export default defineConfig({
  test: {
    silent: "passed-only",
    // Vitest leaves one core free, which is half of a machine with two.
    maxWorkers: Math.max(2, availableParallelism() - 1),
    projects: [
      {
        plugins: [
          cloudflareTest({
            wrangler: { configPath: "./wrangler.toml" },
            miniflare: {
              bindings: { ...TEST_BINDINGS, ...FUZZ, TEST_MIGRATIONS: await readMigrations() },
            },
          }),
        ],
        test: {
          name: "workers",
          include: ["src/**/*.workers.test.ts"],
          testTimeout: TIMEOUT_MS,
          hookTimeout: TIMEOUT_MS,
          // CommonJS inside: bundled once, or its enums would be missing in workerd.
          deps: { optimizer: { ssr: { enabled: true, include: ["discord-api-types/v10"] } } },
        },
      },
      {
        // Hubs of other kinds than those of the product, with a worker of their own.
        plugins: [cloudflareTest({ wrangler: { configPath: "./src/testing/hubs.wrangler.toml" } })],
        test: {
          name: "hubs",
          include: ["src/**/*.hubs.test.ts"],
          testTimeout: TIMEOUT_MS,
          hookTimeout: TIMEOUT_MS,
        },
      },
      {
        test: {
          name: "node",
          environment: "node",
          include: [
            "src/**/*.test.ts",
            "gateway-worker/**/*.test.ts",
            "dev/**/*.test.ts",
            "console/**/*.test.ts",
            "bench/**/*.test.ts",
          ],
          exclude: ["**/*.workers.test.ts", "**/*.hubs.test.ts", "**/node_modules/**"],
          // Loading zod and Hono anew for each of 160 files takes longer than many of the tests.
          isolate: false,
          setupFiles: ["src/testing/fail-on-hub-failures.ts"],
          unstubGlobals: true,
          testTimeout: TIMEOUT_MS,
          hookTimeout: TIMEOUT_MS,
        },
      },
      {
        test: {
          name: "e2e",
          environment: "node",
          include: ["e2e/**/*.test.ts"],
          globalSetup: "dev/testing/database.ts",
          maxWorkers: 3,
          testTimeout: 600_000,
          hookTimeout: 600_000,
        },
      },
      {
        // Each runs when its `npm run proof:…` has installed what it needs.
        test: {
          name: "proof",
          environment: "node",
          include: ["e2e/proof-*/*.proof.ts"],
          fileParallelism: false,
          testTimeout: 900_000,
          hookTimeout: 120_000,
        },
      },
    ],
  },
});
