import { spawnSync } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { expect, it } from "vitest";
import { SHORT_DRILL } from "./drill/plan.ts";
import { runDrill } from "./drill/run-drill.ts";

/** Other random choices in each run find more faults than a fixed seed. */
const SEED = Number(process.env["DRILL_SEED"] ?? Math.floor(Math.random() * 2 ** 32));
/** Proves that there was traffic. The drill aims at ten times as many; a busy machine delivers fewer. */
const LEAST_DELIVERIES = 5_000;

it("loses, repeats, reorders and leaks nothing while processes, links and readers fail", async ({
  signal,
}) => {
  const folder = await mkdtemp(path.join(tmpdir(), "guildhub-drill-"));
  await runDrill(SHORT_DRILL, SEED, folder, () => {}, signal);
  const checker = path.join(import.meta.dirname, "drill/check.ts");
  const { status, stdout, stderr } = spawnSync(process.execPath, [checker, folder], {
    encoding: "utf8",
  });
  const report = `${stdout}${stderr}`;
  expect(status, `DRILL_SEED=${SEED}; the histories are in ${folder}\n${report}`).toBe(0);
  await rm(folder, { recursive: true });

  expect(report).toContain(
    "lost 0  duplicated 0  reordered 0  leaked 0  unanswered 0  reset 0  wrong 0",
  );
  const deliveries = Number(/^deliveries ([\d,]+)/.exec(report)?.[1]?.replaceAll(",", ""));
  expect(deliveries).toBeGreaterThan(LEAST_DELIVERIES);
  expect(report).toMatch(/clients, [1-9]\d* relays/);
  expect(report).toMatch(/calls {6}answered [1-9]/);
  expect(report).toMatch(/accounts {3}updates [1-9][\d,]*, messages [1-9][\d,]*, changes [1-9]/);
  for (const [kind, count] of Object.entries(SHORT_DRILL.faults)) {
    expect(report, `${count} times ${kind}`).toMatch(new RegExp(`(?<!not: )${kind}[^,]* \\d`));
  }
});
