import { createHash } from "node:crypto";
import { readFile, readdir, stat, writeFile } from "node:fs/promises";
import path from "node:path";

/** Folders of generated files, which are never sources. */
const MADE = /(^|\/)(dist|node_modules)\//;

/** A hash of files and folders by content, so that a fresh checkout of the same content has the same hash. */
export async function fingerprint(
  root: string,
  entries: readonly string[],
  ...more: readonly string[]
): Promise<string> {
  const hash = createHash("sha256").update(JSON.stringify(more));
  for (const file of (await Promise.all(entries.map((entry) => filesOf(root, entry)))).flat()) {
    hash.update(`${file}\0`).update(await readFile(path.join(root, file)));
  }
  return hash.digest("hex");
}

async function filesOf(root: string, entry: string): Promise<string[]> {
  const place = path.join(root, entry);
  const stats = await stat(place).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT" || error.code === "ENOTDIR") return undefined;
    throw error;
  });
  if (stats === undefined) return [];
  if (!stats.isDirectory()) return [entry];
  const found = await readdir(place, { recursive: true, withFileTypes: true });
  return found
    .filter((file) => file.isFile())
    .map((file) => path.relative(root, path.join(file.parentPath, file.name)))
    .filter((file) => !MADE.test(file))
    .toSorted();
}

/**
 * Does the work unless the stamp says that it was done for the same fingerprint.
 * @param stamp a file that is deleted together with the result of the work
 */
export async function unlessDone(
  stamp: string,
  mark: string,
  work: () => Promise<void>,
): Promise<void> {
  const known = await readFile(stamp, "utf8").catch(() => undefined);
  if (known === mark) return;
  await work();
  await writeFile(stamp, mark);
}
