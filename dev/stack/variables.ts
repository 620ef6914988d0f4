import { randomBytes } from "node:crypto";
import { existsSync, readFileSync, writeFileSync } from "node:fs";

/** Names and values of variables, as in a file or the environment. */
export type Variables = Readonly<Record<string, string>>;

/** Secrets that the Worker shares with the local FACEIT. */
export const FACEIT_SECRETS = [
  "FACEIT_WEBHOOK_SECRET",
  "FACEIT_API_KEY",
  "FACEIT_CLIENT_SECRET",
] as const;

/** Secrets that a fresh `.dev.vars` gets as random values. */
const GENERATED: readonly string[] = [
  "HUB_SECRET",
  "DISCORD_BOT_TOKEN",
  ...FACEIT_SECRETS,
  "HAPPY_MASTER_SECRET",
];

/** A random value that is valid for each of the secrets. */
export function freshSecret(): string {
  return randomBytes(32).toString("base64url");
}

/** Parses the `NAME=value` lines of a `.dev.vars`, without quotes around a value. */
export function parseVariables(text: string): Variables {
  const found: Record<string, string> = {};
  for (const line of text.split(/\r?\n/)) {
    const [, name, raw = ""] = /^\s*(?:export\s+)?([A-Za-z_]\w*)\s*=\s*(.*?)\s*$/.exec(line) ?? [];
    if (name === undefined) continue;
    const [, , quoted] = /^(["'`])(.*)\1$/.exec(raw) ?? [];
    found[name] = quoted ?? raw.replace(/\s+#.*$/, "");
  }
  return found;
}

/** Reads the strings of a table of a wrangler.toml, by default `[vars]` at the top level. */
export function parseTomlVars(toml: string, table = "vars"): Variables {
  const lines = toml.split("\n");
  const start = lines.indexOf(`[${table}]`);
  if (start === -1) return {};
  const end = lines.findIndex((line, index) => index > start && line.startsWith("["));
  return parseVariables(lines.slice(start + 1, end === -1 ? undefined : end).join("\n"));
}

/** Every variable that the example explains, including commented ones. */
export function namesInExample(example: string): readonly string[] {
  return [...example.matchAll(/^(?:# )?([A-Z][A-Z0-9_]*)=/gm)].flatMap((match) => match[1] ?? []);
}

/** The example with a fresh random value in each secret that the stack needs. */
export function fillSecrets(example: string): string {
  return example.replace(/^([A-Z][A-Z0-9_]*)=$/gm, (line, name: string) =>
    GENERATED.includes(name) ? `${name}=${freshSecret()}` : line,
  );
}

/**
 * Creates `.dev.vars` from its example when it is missing. An existing one stays unchanged.
 * @returns whether it was created
 */
export function ensureDevVars(file: string, exampleFile: string): boolean {
  if (existsSync(file)) return false;
  writeFileSync(file, fillSecrets(readFileSync(exampleFile, "utf8")), { mode: 0o600, flag: "wx" });
  return true;
}

/** Lines that wrangler's `--env-file` reads back unchanged. */
export function formatVariables(variables: Variables): string {
  const quote = (value: string): string => {
    const mark = ["'", "`", '"'].find((candidate) => !value.includes(candidate)) ?? "";
    return `${mark}${value}${mark}`;
  };
  return Object.entries(variables)
    .map(([name, value]) => `${name}=${quote(value)}\n`)
    .join("");
}
