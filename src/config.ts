import { matchesVariables, type MatchesConfig } from "./features/matches/config.ts";
import { roomsVariables, type RoomsConfig } from "./features/rooms/config.ts";
import { type AreaConfig, chosenAreas, collected, ConfigError } from "./platform/variables.ts";

/** The variables of each area; absent: it does not run. */
export type Config = { readonly rooms?: RoomsConfig; readonly matches?: MatchesConfig };

/** Name of an area that `AREAS` may name. */
export type AreaName = keyof Config;

const VARIABLES = [
  { name: "rooms", config: roomsVariables },
  { name: "matches", config: matchesVariables },
] as const satisfies readonly { readonly name: AreaName; readonly config: AreaConfig }[];

/**
 * Names of the areas that run in a deployment with these variables.
 * @throws ConfigError when `AREAS` cannot be followed, or nothing is set up
 */
export function areaNames(env: object): readonly AreaName[] {
  return chosenAreas(VARIABLES, env).map(({ name }) => name);
}

/**
 * Parses the variables of a deployment, without anything that only the Worker has: `npm start` and commands
 * refuse what the Worker refuses.
 * @throws ConfigError that names each variable which is missing or malformed, whichever area reads it
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
