import { mkdir, writeFile } from "node:fs/promises";
import path from "node:path";
import { fingerprint, unlessDone } from "./fingerprint.ts";
import { runOnce } from "./process-group.ts";
import { wranglerCommand } from "./wrangler.ts";

/** Folder of the page for production: it is deployed, and plain `wrangler dev` serves it. */
export const DEPLOYED_PAGE = "console/dist";

/** Contains the fingerprint of a built page. `.assetsignore` keeps it from being served. */
const STAMP = ".build";

/** The sources of the page. */
const PAGE_SOURCES = ["console", "src/client", "src/protocol", "package-lock.json"];

/** Control addresses of the local services that the page has buttons for; absent: no buttons. */
type PageControls = {
  readonly discord: string | undefined;
  readonly faceit: string | undefined;
};

/**
 * Builds the page, unless none of its sources has changed. Its stamp is in the folder that Vite empties, so after
 * any other build it builds again.
 * @param controls absent in a page for production
 * @throws with Vite's message when the build fails
 */
export async function buildPage(
  root: string,
  pageDir: string,
  controls: PageControls | undefined,
  signal?: AbortSignal,
): Promise<void> {
  const { discord = "", faceit = "" } = controls ?? {};
  const mark = await fingerprint(root, PAGE_SOURCES, discord, faceit);
  await unlessDone(path.join(pageDir, STAMP), mark, async () => {
    await runOnce(
      "The page could not be built",
      {
        args: [
          path.join(root, "node_modules/vite/bin/vite.js"),
          "build",
          "console",
          `--outDir=${pageDir}`,
          "--emptyOutDir",
          "--logLevel=warn",
        ],
        cwd: root,
        env: {
          ...process.env,
          NODE_ENV: "production",
          VITE_DISCORD_CONTROL_URL: controls?.discord,
          VITE_FACEIT_CONTROL_URL: controls?.faceit,
        },
      },
      signal,
    );
    await writeFile(path.join(pageDir, ".assetsignore"), `${STAMP}\n`);
  });
}

/**
 * Applies the migrations to the local D1, unless all of them are applied.
 * @throws with wrangler's message when one fails
 */
export async function applyMigrations(
  root: string,
  workerStateDir: string,
  signal?: AbortSignal,
): Promise<void> {
  await mkdir(workerStateDir, { recursive: true });
  const mark = await fingerprint(root, ["migrations"]);
  await unlessDone(path.join(workerStateDir, ".migrations"), mark, () =>
    runOnce(
      "The migrations could not be applied",
      wranglerCommand(
        root,
        ["d1", "migrations", "apply", "guildhub", "--local", `--persist-to=${workerStateDir}`],
        { CI: "true" },
      ),
      signal,
    ),
  );
}
