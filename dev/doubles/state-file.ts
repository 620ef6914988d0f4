import { mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";

/** Changes within this time share one write, milliseconds. */
const WRITE_DELAY_MS = 50;

/**
 * Opens a JSON file that is always replaced as a whole, so that a reader never sees a part of it.
 * @param path absent: the state is kept in memory only
 * @param of the owner's name for errors, and the members that a valid state has. More is not checked, because only
 * this code writes the file
 * @param state returns the state to write
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
    /** The saved state; undefined: there is no file yet. @throws when the file holds something else */
    read(): State | undefined {
      const saved = path === undefined ? undefined : readJson(path);
      if (saved === undefined || isState(saved)) return saved;
      throw new Error(`${path} holds something else than the state of ${of.name}`);
    },
    /** Schedules a write. It writes the state of that later moment. */
    schedule(): void {
      timer ??= setTimeout(write, WRITE_DELAY_MS);
    },
    /** Writes now if a write is scheduled. */
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
    throw new Error(`${path} can't be read; delete it to start over`, { cause: error });
  }
}
