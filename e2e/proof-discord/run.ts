// The program behind `npm run proof:discord` (dev/run.mjs): Discord's own specification and independent
// gateway libraries check the local Discord and what we send to it.
import { attempt, runProof } from "../proof.ts";
import { PYTHON } from "./library.ts";

const folder = import.meta.dirname;

/** Why python3-discord is not available here; null: it is. */
function installPythonLibrary(): string | null {
  const missing = () => attempt(folder, PYTHON, "-c", "import discord");
  if (missing() === null) return null;
  if (process.getuid?.() !== 0)
    return "python3-discord is not installed, and only root may install it";
  const install = ["install", "-y", "--no-install-recommends", "python3-discord"];
  const refused = attempt(folder, "apt-get", ...install);
  if (refused !== null && attempt(folder, "apt-get", "update") === null) {
    attempt(folder, "apt-get", ...install);
  }
  return missing() === null ? null : `apt-get cannot install python3-discord: ${refused ?? ""}`;
}

const skipped = installPythonLibrary();
if (skipped !== null) console.log(`Skipped: python3-discord on the local gateway. ${skipped}`);
await runProof(folder, skipped === null ? {} : { WITHOUT_PYTHON_DISCORD: skipped });
