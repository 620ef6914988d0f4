import { matches } from "./features/matches/index.ts";
import { rooms } from "./features/rooms/index.ts";
import { sync } from "./features/sync/index.ts";
import { gateway, interactions } from "./gateway/index.ts";
import type { Area } from "./hub/area.ts";
import type { HubEnv } from "./hub/env.ts";
import type { HubParts } from "./hub/hub-object.ts";
import { stream } from "./hub/index.ts";
import type { HubKind } from "./hub/kind.ts";
import type { Channel } from "./platform/asyncapi.ts";
import { log } from "./platform/log.ts";
import { err, ok, type Result } from "./platform/result.ts";
import { chosenAreas, ConfigError } from "./platform/variables.ts";

/**
 * All areas, and the parts that they need (stream, gateway, interactions). A new area is a folder, a file of
 * tables, a file of events and a line here.
 */
export const AREAS: readonly Area[] = [stream, rooms, gateway, matches, interactions, sync];

/** The areas that run in a deployment with these variables: the chosen ones, and the parts that they need. */
export function runningAreas(
  all: readonly Area[],
  env: object,
): Result<readonly Area[], ConfigError> {
  const choices = all.flatMap(({ name, config, hubs }) =>
    config === undefined ? [] : [{ name, config, hubs }],
  );
  try {
    const chosen = chosenAreas(choices, env);
    const kinds = new Set(chosen.flatMap(({ hubs }) => hubs));
    return ok(
      all.filter(({ name, config, hubs }) =>
        config === undefined
          ? hubs.some((kind) => kinds.has(kind))
          : chosen.some((one) => one.name === name),
      ),
    );
  } catch (error) {
    if (error instanceof ConfigError) return err(error);
    throw error;
  }
}

/** What the areas of this deployment keep in hubs of a kind, and the events that they publish there. */
export function hubParts(
  kind: Pick<HubKind, "name">,
  env: object,
): HubParts | { readonly refused: ConfigError } {
  const running = runningAreas(AREAS, env);
  if (!running.ok) return { refused: running.error };
  const areas = running.value.filter(({ hubs }) => hubs.includes(kind.name));
  return {
    extensions: areas.flatMap(({ extension }) => extension ?? []),
    events: new Set(
      areas.flatMap(({ events, plainEvents = [] }) => [
        ...events.map(({ name }) => name),
        ...plainEvents,
      ]),
    ),
  };
}

/** Where clients of these areas connect. */
export function channelsOf(areas: readonly Area[]): readonly Channel[] {
  const events = areas.flatMap((area) => area.events);
  return areas.flatMap(({ channels }) => channels?.(events) ?? []);
}

/** Runs the hourly work of all areas (`[triggers]` in wrangler.toml). A failure of one does not stop another. */
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
