declare namespace Cloudflare {
  /** The `env` of `cloudflare:workers` in tests of the Workers pool. */
  interface Env extends Readonly<import("../env.ts").Env> {
    // Tests also access the object's own members.
    readonly RELAY: DurableObjectNamespace<import("../hub/relay.ts").Relay>;
    readonly UPLOADS: R2Bucket;
    readonly HUB_SECRET: string;
    readonly HUB_SECRET_PREVIOUS: string;
    readonly PRIMARY_GUILD_ID: string;
    readonly DISCORD_BOT_TOKEN: string;
    readonly HAPPY_MASTER_SECRET: string;
    /** Runs of each fuzz property, and the seed and path that a failed run printed. */
    readonly TEST_FUZZ_RUNS: string;
    readonly TEST_FUZZ_SEED: string;
    readonly TEST_FUZZ_PATH: string;
    readonly TEST_MIGRATIONS: import("cloudflare:test").D1Migration[];
  }
  interface GlobalProps {
    readonly mainModule: typeof import("../index.ts");
  }
}
