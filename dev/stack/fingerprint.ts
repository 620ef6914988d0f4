import { createHash } from "node:crypto";
import { readFile, readdir, writeFile } from "node:fs/promises";
import path from "node:path";

/** Folders of what a tool has made: never a source. */
const MADE = /(^|\/)(dist|node_modules)\//;

/** A hash of files and folders, by content, so that a fresh checkout of the same is the same. */
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
  const found = await readdir(path.join(root, entry), {
    recursive: true,
    withFileTypes: true,
  }).catch((error: unknown) => {
    const code = error instanceof Error && "code" in error ? error.code : undefined;
    if (code === "ENOTDIR" || code === "ENOENT") return undefined;
    throw error;
  });
  if (found === undefined) return (await exists(path.join(root, entry))) ? [entry] : [];
  return found
    .filter((file) => file.isFile())
    .map((file) => path.relative(root, path.join(file.parentPath, file.name)))
    .filter((file) => !MADE.test(file))
    .toSorted();
}

async function exists(file: string): Promise<boolean> {
  return readFile(file).then(
    () => true,
    () => false,
  );
}

/**
 * Does the work unless the stamp says that it was done for the same fingerprint.
 * @param stamp a file that goes away together with what was made
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
