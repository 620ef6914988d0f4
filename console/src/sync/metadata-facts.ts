import { isRecord } from "../../../src/client/json-shape.ts";
import { shownText } from "../../../src/protocol/shown-text.ts";

/** What a machine says of itself, cleaned for display; null: it does not say. */
export type MachineFacts = {
  /** What its person calls it, else its host. */
  readonly name: string | null;
  /** Its host, where that is not its name. */
  readonly host: string | null;
  readonly platform: string | null;
  /** The folder of the person who runs it. */
  readonly home: string | null;
};

/** What a session says of itself, cleaned for display; null: it does not say. */
export type SessionFacts = {
  /** What the agent calls its work. */
  readonly title: string | null;
  /** The folder that it works in, with `~` for the person's own. */
  readonly path: string | null;
  readonly host: string | null;
};

/** Characters of a name or title that the page shows. */
const NAME_MAX_LENGTH = 120;
/** Characters of a path that the page shows. */
const PATH_MAX_LENGTH = 300;

/** Systems by the names that Node gives them. */
const PLATFORMS: Readonly<Record<string, string>> = {
  darwin: "macOS",
  linux: "Linux",
  win32: "Windows",
};

/** Reads the metadata of a machine. @param metadata parsed JSON, of any shape */
export function machineFacts(metadata: unknown): MachineFacts {
  const platform = textIn(metadata, "platform", NAME_MAX_LENGTH);
  const host = textIn(metadata, "host", NAME_MAX_LENGTH);
  const name = textIn(metadata, "displayName", NAME_MAX_LENGTH) ?? host;
  return {
    name,
    host: host === name ? null : host,
    platform: platform === null ? null : (PLATFORMS[platform] ?? platform),
    home: textIn(metadata, "homeDir", PATH_MAX_LENGTH),
  };
}

/** Reads the metadata of a session. @param metadata parsed JSON, of any shape */
export function sessionFacts(metadata: unknown): SessionFacts {
  const summary = isRecord(metadata) ? metadata["summary"] : undefined;
  const path = textIn(metadata, "path", PATH_MAX_LENGTH);
  const home = textIn(metadata, "homeDir", PATH_MAX_LENGTH);
  return {
    title: textIn(summary, "text", NAME_MAX_LENGTH) ?? textIn(metadata, "name", NAME_MAX_LENGTH),
    path: path === null ? null : belowHome(path, home),
    host: textIn(metadata, "host", NAME_MAX_LENGTH),
  };
}

/** The last part of a path; of a path without one, itself. */
export function folderIn(path: string): string {
  return path.split(/[\\/]/).findLast((part) => part !== "") ?? path;
}

function belowHome(path: string, home: string | null): string {
  if (home === null || !path.startsWith(home)) return path;
  const rest = path.slice(home.length);
  return rest === "" || /^[\\/]/.test(rest) ? `~${rest}` : path;
}

function textIn(value: unknown, name: string, max: number): string | null {
  const text = isRecord(value) ? shownText(value[name], max) : "";
  return text === "" ? null : text;
}
