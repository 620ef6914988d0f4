import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import type { RestExchange } from "../../dev/discord/rest/request.ts";

/** A file for `DISCORD_RECORD_FILE`, in its own folder. */
type RecordFile = {
  readonly path: string;
  /** Everything recorded so far. */
  readonly exchanges: () => readonly RestExchange[];
  readonly remove: () => void;
};

/** Creates the folder of a recording; the local Discord creates the file. */
export function recordFile(): RecordFile {
  const folder = mkdtempSync(path.join(tmpdir(), "guildhub-proof-"));
  const file = path.join(folder, "exchanges.ndjson");
  return {
    path: file,
    exchanges: () => {
      if (!existsSync(file)) return [];
      const lines = readFileSync(file, "utf8").split("\n");
      // The local Discord of this repository wrote the file; its last line is empty.
      return lines.filter(Boolean).map((line): RestExchange => JSON.parse(line));
    },
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}
