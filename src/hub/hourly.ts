import { log } from "../platform/log.ts";
import type { HubEnv } from "./env.ts";
import type { Area } from "./area.ts";

/** The hourly work of all areas (`[triggers]` in wrangler.toml). One that fails keeps none of the others. */
export async function runHourly(areas: readonly Area[], env: HubEnv): Promise<void> {
  await Promise.all(
    areas.map(async ({ name, hourly }) => {
      try {
        await hourly?.(env);
      } catch (error) {
        log("error", "hourly.failed", { area: name, error });
      }
    }),
  );
}
