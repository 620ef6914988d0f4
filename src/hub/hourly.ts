import { log } from "../platform/log.ts";
import type { HubEnv } from "./env.ts";
import type { Feature } from "./feature.ts";

/** The hourly work of all areas (`[triggers]` in wrangler.toml). One that fails keeps none of the others. */
export async function runHourly(features: readonly Feature[], env: HubEnv): Promise<void> {
  await Promise.all(
    features.map(async ({ name, hourly }) => {
      try {
        await hourly?.(env);
      } catch (error) {
        log("error", "hourly.failed", { feature: name, error });
      }
    }),
  );
}
