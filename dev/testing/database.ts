import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { applyMigrations } from "../stack/prepare.ts";

/** The variable with the folder of a local database that no stack has used yet. */
export const DATABASE_VARIABLE = "E2E_DATABASE";

/**
 * Creates the tables once for all stacks of a run, which copy them, because wrangler takes seconds each time.
 * Vitest calls this before the first test of the project (`globalSetup`).
 * @returns removes the folder
 */
export async function setup(): Promise<() => Promise<void>> {
  const folder = await mkdtemp(path.join(tmpdir(), "guildhub-database-"));
  await applyMigrations(path.resolve(import.meta.dirname, "../.."), folder);
  process.env[DATABASE_VARIABLE] = folder;
  return () => rm(folder, { recursive: true, force: true });
}
