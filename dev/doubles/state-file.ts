import { mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";

/** Changes of this long share one write, milliseconds. */
const WRITE_DELAY_MS = 50;

/**
 * Opens a JSON file that is replaced as a whole, so that a reader never finds half of it.
 * @param path where the file is; absent: the state stays in memory only
 * @param of whose it is, and what such a state has at least: the file is our own, written as a whole
 * @param state gives what is to be written
 */
export function openStateFile<State extends object>(
  path: string | undefined,
  of: { readonly name: string; readonly members: readonly (keyof State & string)[] },
  state: () => State,
) {
  let timer: NodeJS.Timeout | undefined;
  const write = (): void => {
    clearTimeout(timer);
    timer = undefined;
    if (path === undefined) return;
    const draft = `${path}.new`;
    writeFileSync(draft, JSON.stringify(state()));
    renameSync(draft, path);
  };
  const isState = (saved: unknown): saved is State =>
    typeof saved === "object" && saved !== null && of.members.every((member) => member in saved);
  if (path !== undefined) mkdirSync(dirname(path), { recursive: true });
  return {
    /** What it holds; undefined when there is none yet. @throws when it holds something else */
    read(): State | undefined {
      const saved = path === undefined ? undefined : readJson(path);
      if (saved === undefined || isState(saved)) return saved;
      throw new Error(`${path} holds something else than the state of ${of.name}`);
    },
    /** Asks for a write of the state as it will be a moment later. */
    schedule(): void {
      timer ??= setTimeout(write, WRITE_DELAY_MS);
    },
    /** Writes now what was asked for. */
    flush(): void {
      if (timer !== undefined) write();
    },
  };
}

function readJson(path: string): unknown {
  try {
    return JSON.parse(readFileSync(path, "utf8"));
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return undefined;
    throw new Error(`${path} can't be read; delete it to start anew`, { cause: error });
  }
}
