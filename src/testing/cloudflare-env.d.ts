declare namespace Cloudflare {
  /** What `cloudflare:workers` gives the tests of the Workers pool. */
  interface Env extends Readonly<import("../env.ts").Env> {
    readonly HUB_SECRET: string;
    readonly HUB_SECRET_PREVIOUS: string;
    readonly PRIMARY_GUILD_ID: string;
    readonly DISCORD_BOT_TOKEN: string;
    readonly TEST_MIGRATIONS: import("cloudflare:test").D1Migration[];
  }
  interface GlobalProps {
    readonly mainModule: typeof import("../index.ts");
  }
}
