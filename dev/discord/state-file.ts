import { mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";

/** Changes of this long share one write, milliseconds. */
const WRITE_DELAY_MS = 50;

/** A JSON file that is replaced as a whole, so that a reader never finds half of it. */
export interface StateFile {
  /** What it holds; undefined when there is none yet. A file that is not JSON is an exception. */
  read(): unknown;
  /** Asks for a write of the state as it will be a moment later. */
  schedule(): void;
  /** Writes now what was asked for. */
  flush(): void;
}

/**
 * @param path where the file is; null keeps the state in memory only
 * @param state gives what is to be written
 */
export function openStateFile(path: string | null, state: () => unknown): StateFile {
  let timer: NodeJS.Timeout | undefined;
  const write = (): void => {
    clearTimeout(timer);
    timer = undefined;
    if (path === null) return;
    const draft = `${path}.new`;
    writeFileSync(draft, JSON.stringify(state()));
    renameSync(draft, path);
  };
  if (path !== null) mkdirSync(dirname(path), { recursive: true });
  return {
    read() {
      if (path === null) return undefined;
      try {
        return JSON.parse(readFileSync(path, "utf8"));
      } catch (error) {
        if (error instanceof Error && "code" in error && error.code === "ENOENT") return undefined;
        throw new Error(`${path} can't be read; delete it to start anew`, { cause: error });
      }
    },
    schedule() {
      timer ??= setTimeout(write, WRITE_DELAY_MS);
    },
    flush() {
      if (timer !== undefined) write();
    },
  };
}
