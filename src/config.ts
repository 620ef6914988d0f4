import { matchesVariables, type MatchesConfig } from "./features/matches/config.ts";
import { roomsVariables, type RoomsConfig } from "./features/rooms/config.ts";
import { syncVariables, type SyncConfig } from "./features/sync/config.ts";
import { type AreaConfig, chosenAreas, collected, ConfigError } from "./platform/variables.ts";

/** The variables of each area; absent: the area does not run. */
export type Config = {
  readonly rooms?: RoomsConfig;
  readonly matches?: MatchesConfig;
  readonly sync?: SyncConfig;
};

/** Name of an area that `AREAS` may name. */
export type AreaName = keyof Config;

const VARIABLES = [
  { name: "rooms", config: roomsVariables },
  { name: "matches", config: matchesVariables },
  { name: "sync", config: syncVariables },
] as const satisfies readonly { readonly name: AreaName; readonly config: AreaConfig }[];

/**
 * Names of the areas that run in a deployment with these variables.
 * @throws ConfigError when `AREAS` is invalid, or no area is configured
 */
export function areaNames(env: object): readonly AreaName[] {
  return chosenAreas(VARIABLES, env).map(({ name }) => name);
}

/**
 * Parses the variables of a deployment. It needs no bindings, so that `npm start` and commands can refuse the same
 * variables as the Worker.
 * @throws ConfigError that names each missing or malformed variable of all areas
 */
export function parseConfig(env: object): Config {
  const problems: string[] = [];
  const parsed = chosenAreas(VARIABLES, env).map(({ name, config }) => [
    name,
    collected(problems, () => config.parse(env)),
  ]);
  if (problems.length > 0) throw new ConfigError(problems);
  return Object.fromEntries(parsed) as Config;
}
