import { matchesConfigOf, type MatchesConfig } from "./features/matches/config.ts";
import { roomsConfigOf, type RoomsConfig } from "./features/rooms/config.ts";
import { collected, ConfigError } from "./platform/variables.ts";

/** The variables of all layers and areas, parsed. */
export type Config = RoomsConfig & MatchesConfig;

/**
 * Parses the variables of the whole Worker. Also used by `npm start`, so that both refuse the same.
 * @throws ConfigError that names each variable which is missing or malformed, whichever area reads it
 */
export function parseConfig(env: object): Config {
  const problems: string[] = [];
  const rooms = collected(problems, () => roomsConfigOf(env));
  const matches = collected(problems, () => matchesConfigOf(env));
  if (rooms === undefined || matches === undefined) throw new ConfigError(problems);
  return { ...rooms, ...matches };
}
