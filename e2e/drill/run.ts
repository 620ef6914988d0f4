/**
 * `npm run drill`: real processes, more than a million deliveries, constant faults. `DRILL_SEED` repeats
 * the choices of an earlier run; `DRILL_FORM=short` is the form that runs with the tests.
 */
import { spawnSync } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { FULL_DRILL, SHORT_DRILL } from "./plan.ts";
import { runDrill } from "./run-drill.ts";
import { offerHelp } from "../../dev/usage.mjs";

offerHelp(`Usage: npm run drill
  A stack of its own, a million deliveries, faults all the time; docs/testing.md says what it shows.
    DRILL_FORM=short   the form that runs with the tests
    DRILL_SEED=n       the random choices of an earlier run`);

const seed = Number(process.env["DRILL_SEED"] ?? Math.floor(Math.random() * 2 ** 32));
const plan = process.env["DRILL_FORM"] === "short" ? SHORT_DRILL : FULL_DRILL;
const folder = await mkdtemp(path.join(tmpdir(), "guildhub-drill-"));
console.log(`DRILL_SEED=${seed}`);
const interrupted = new AbortController();
for (const signal of ["SIGINT", "SIGTERM"] as const) {
  process.once(signal, () => interrupted.abort());
}
await runDrill(plan, seed, folder, (what) => console.log(what), interrupted.signal);
if (interrupted.signal.aborted) {
  await rm(folder, { recursive: true });
  process.exit(1);
}
const checker = path.join(import.meta.dirname, "check.ts");
const { status } = spawnSync(process.execPath, [checker, folder], { stdio: "inherit" });
if (status === 0) await rm(folder, { recursive: true });
else {
  console.log(`The histories are kept: ${folder}`);
  console.log(`Judge them again: node e2e/drill/check.ts ${folder}`);
}
process.exit(status ?? 1);
