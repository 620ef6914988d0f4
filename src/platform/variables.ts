import { z } from "zod";
import { DiscordId } from "../protocol/discord-id.ts";
import { putIssuesInWords } from "./issue-words.ts";

putIssuesInWords();

/** An `http` or `https` URL. */
export const HttpUrl = z.url({ protocol: /^https?$/, abort: true });

const LOOPBACK: ReadonlySet<string> = new Set(["127.0.0.1", "localhost", "[::1]"]);

/** An address to which browsers are redirected with an OAuth code. Plain http would expose the code. */
export const ReturnUrl = HttpUrl.refine((text) => {
  const { protocol, hostname } = new URL(text);
  return protocol === "https:" || LOOPBACK.has(hostname);
}, "must be https, unless it is this machine");

/** A URL to which paths are appended, without a slash at its end. */
export const BaseUrl = HttpUrl.transform((url) => url.replace(/\/{1,9}$/, ""));

/** A list separated by commas. */
export const List = z.string().transform((list) =>
  list
    .split(",")
    .map((item) => item.trim())
    .filter((item) => item !== ""),
);

/** A list with one id for each guild: `<id>` for the primary guild, `<id>=<guild>` for another one. */
export const ByGuild = List.transform((items, context) => {
  const found = items.flatMap((item) => {
    const [id, guildId, ...more] = item.split("=");
    const isRead =
      DiscordId.safeParse(id).success &&
      DiscordId.optional().safeParse(guildId).success &&
      more.length === 0;
    if (isRead) return [{ id: id ?? "", guildId: guildId ?? null }];
    context.addIssue({ code: "custom", message: `"${item}" is neither <id> nor <id>=<guild id>` });
    return [];
  });
  // A Discord id belongs to one guild only.
  if (new Set(found.map(({ id }) => id)).size < found.length) {
    context.addIssue({ code: "custom", message: "names the same id twice" });
  }
  return found;
});

/** `on` or `off`. */
export const OnOff = z.enum(["on", "off"]).transform((value) => value === "on");

/** Start of the placeholders in wrangler.toml for staging and production. */
const PLACEHOLDER = "replace-with-your";

/** At least one variable is missing or malformed. The message names each of them. */
export class ConfigError extends Error {
  override readonly name = "ConfigError";
  readonly problems: readonly string[];

  /** @param problems what is wrong, each with the name of its variable */
  constructor(problems: readonly string[]) {
    super(`Configuration: ${problems.join("; ")}. See .dev.vars.example.`);
    this.problems = problems;
  }
}

/** All requests share a configuration, so nobody may change any part of it. */
type DeepReadonly<T> = T extends (...parameters: never[]) => unknown
  ? T
  : { readonly [Key in keyof T]: DeepReadonly<T[Key]> };

/**
 * Defines how a layer reads its own variables from the environment of the Worker, which has those of all layers.
 * @param below the layer below, whose variables this one may use as well
 * @returns a function that parses them once for each environment. It throws a {@link ConfigError} that names
 * each missing or malformed variable
 */
export function defineConfig<Shape extends z.ZodRawShape, Own, Below = unknown>(
  variables: z.ZodObject<Shape>,
  ownConfig: (variables: z.output<z.ZodObject<Shape>>) => Own,
  below?: (env: object) => Below,
): (env: object) => DeepReadonly<Below & Own> {
  const known = new WeakMap<object, DeepReadonly<Below & Own>>();
  return (env) => {
    const before = known.get(env);
    if (before !== undefined) return before;
    const problems: string[] = [];
    const lower = collected(problems, () => below?.(env));
    const own = collected(problems, () => ownConfig(parsed(variables, env)));
    if (problems.length > 0) throw new ConfigError(problems);
    const config = { ...lower, ...own } as DeepReadonly<Below & Own>;
    known.set(env, config);
    return config;
  };
}

/** The result of `parse`. If it throws a {@link ConfigError}, adds its problems to `problems`. */
export function collected<T>(problems: string[], parse: () => T): T | undefined {
  try {
    return parse();
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    // Two areas may read the same variable.
    problems.push(...error.problems.filter((problem) => !problems.includes(problem)));
    return undefined;
  }
}

function parsed<Shape extends z.ZodRawShape>(
  variables: z.ZodObject<Shape>,
  env: object,
): z.output<z.ZodObject<Shape>> {
  // A variable with an empty value counts as not set.
  const set = Object.entries(env).filter(
    ([name, value]) => name in variables.shape && value !== "",
  );
  const unfilled = set.flatMap(([name, value]) =>
    String(value).includes(PLACEHOLDER) ? [name] : [],
  );
  if (unfilled.length > 0) {
    throw new ConfigError(
      unfilled.map((name) => `${name}: still the placeholder of wrangler.toml`),
    );
  }
  const result = variables.safeParse(Object.fromEntries(set));
  if (result.success) return result.data;
  throw new ConfigError(
    result.error.issues.map(({ path, message }) => `${path.join(".")}: ${message}`),
  );
}

/** The variables of an area, and when it runs. */
export type AreaConfig<Config extends object = object> = {
  /** Without `AREAS`, the area runs if at least one of these variables is set. */
  readonly startedBy: readonly string[];
  /** Names of areas that it cannot run without. */
  readonly needs?: readonly string[];
  /** @throws ConfigError that names each missing or malformed variable */
  readonly parse: (env: object) => Config;
};

/** The name and the variables of an area. */
type Configured = { readonly name: string; readonly config: AreaConfig };

/** `AREAS`: which areas run (ARCHITECTURE.md §4). */
const Chosen = z.object({ AREAS: List.optional() });

/**
 * The areas that run: those that `AREAS` names, or without `AREAS` those with a variable set.
 * @throws ConfigError when `AREAS` names an unknown area or omits one that another needs, or when no area runs
 */
export function chosenAreas<A extends Configured>(areas: readonly A[], env: object): readonly A[] {
  const { AREAS: names } = parsed(Chosen, env);
  const known = areas.map(({ name }) => name).join(", ");
  const chosen = areas.filter(({ name, config }) =>
    names === undefined
      ? config.startedBy.some((variable) => isSet(env, variable))
      : names.includes(name),
  );
  const problems = [
    ...(names?.length === 0 ? [`AREAS: it names no area, but may name ${known}`] : []),
    ...(names ?? [])
      .filter((name) => !areas.some((area) => area.name === name))
      .map((name) => `AREAS: there is no area "${name}", but ${known}`),
    ...chosen.flatMap(({ name, config }) =>
      (config.needs ?? [])
        .filter((other) => !chosen.some((area) => area.name === other))
        .map((other) => `AREAS: ${name} needs ${other}, so name both`),
    ),
  ];
  if (problems.length === 0 && chosen.length === 0) {
    const ways = areas.map(({ name, config }) => `${config.startedBy.join(" or ")} for ${name}`);
    problems.push(`AREAS: no area is set up. Set ${ways.join(", ")}`);
  }
  if (problems.length > 0) throw new ConfigError(problems);
  return chosen;
}

function isSet(env: object, name: string): boolean {
  const value = (env as Readonly<Record<string, unknown>>)[name];
  return value !== undefined && value !== "";
}
