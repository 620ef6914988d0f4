import { randomBytes } from "node:crypto";
import { readFileSync, statfsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { availableParallelism, cpus, loadavg, tmpdir } from "node:os";
import path from "node:path";
import { workerdVersion } from "../dev/workerd/workerd.ts";
import { writeSections } from "./report/document.ts";

/** `f_type` of a tmpfs (statfs(2)). */
const TMPFS_MAGIC = 0x01021994;
/** A folder in memory, present on every Linux. */
const MEMORY = "/dev/shm";

/** What a benchmark works with. */
export type Bench = {
  /** Where its subjects write. It is removed at the end. */
  readonly folder: string;
  /** Signs what is sent to the subjects. */
  readonly secret: string;
  /** Registers a cleanup for the end of the run, also after a failure. The last one registered runs first. */
  readonly atEnd: (undo: () => unknown) => void;
  /** Makes a folder in memory, which shows the cost of a disk. It is removed at the end. */
  readonly inMemory: () => Promise<string>;
};

/** The result of a run, as docs/benchmarks.md shows it. */
export type Report = {
  /** Packages that take part beside Node and workerd, by the names shown in the report. */
  readonly packages?: Readonly<Record<string, string>>;
  /** Whether the subjects wait for a disk. */
  readonly waitsForDisk: boolean;
  /** The size of the run. */
  readonly extent: string;
  /** Reasons why the run is void. */
  readonly faults: readonly string[];
  /** What a run without faults proves. */
  readonly sound?: string;
  /** Tables and sentences. */
  readonly parts: readonly string[];
  /** Why the report is only shown and not written into the document; absent: it is written. */
  readonly withheld?: string;
};

/** Hardware and versions of a run. Nothing in it names the machine. */
export type Machine = ReturnType<typeof describeMachine>;

/**
 * Runs a benchmark, shows its report and writes it into the document. It fails when the report has faults.
 * @param section of docs/benchmarks.md
 * @param reads what it reads from /proc, which exists only on Linux; null: nothing
 */
export async function runBench(
  section: string,
  reads: string | null,
  run: (bench: Bench) => Promise<Report>,
): Promise<void> {
  if (reads !== null && process.platform !== "linux") {
    console.error(`The benchmark reads ${reads} from /proc: run it on Linux.`);
    process.exit(1);
  }
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => process.exit(1));
  const folder = await mkdtemp(path.join(tmpdir(), `guildhub-${section}-`));
  const undos: (() => unknown)[] = [
    () => rm(folder, { recursive: true, force: true, maxRetries: 5 }),
  ];
  try {
    const atEnd: Bench["atEnd"] = (undo) => undos.push(undo);
    const report = await run({
      folder,
      secret: randomBytes(32).toString("hex"),
      atEnd,
      inMemory: async () => {
        const memory = await mkdtemp(path.join(MEMORY, `guildhub-${section}-`));
        atEnd(() => rm(memory, { recursive: true, force: true }));
        return memory;
      },
    });
    const text = writeReport(report, describeMachine(folder, report.packages));
    console.log(`\n${text}`);
    if (report.faults.length > 0) process.exitCode = 1;
    else if (report.withheld !== undefined) console.log(`\nnot written down: ${report.withheld}`);
    else await writeSections("docs/benchmarks.md", { [section]: text });
  } finally {
    for (const undo of undos.toReversed()) await undo();
  }
}

/** A report as text: the machine, whether the run is void, and the results. */
export function writeReport(report: Report, machine: Machine): string {
  const { waitsForDisk, extent, faults, sound, parts } = report;
  const { cpu, cores, storage, load, versions } = machine;
  const made = [
    new Date().toISOString().slice(0, 10),
    [
      `${cpu}, ${cores} cores`,
      ...(waitsForDisk ? [`storage on ${storage}`] : []),
      `load ${load.toFixed(1)} at the end`,
    ].join(", "),
    versions.map((pair) => pair.join(" ")).join(", "),
    extent,
  ].join(" · ");
  const isVoid = `**This run is void.** ${faults.map((fault) => `\n- ${fault}`).join("")}`;
  const verdict = faults.length > 0 ? isVoid : sound;
  return [made, ...(verdict === undefined ? [] : [verdict]), ...parts].join("\n\n");
}

function describeMachine(folder: string, packages: Report["packages"] = {}) {
  const versions: readonly (readonly [string, string])[] = [
    ["Node", process.versions.node],
    ["workerd", workerdVersion()],
    ...Object.entries(packages).map(([shown, name]) => [shown, versionOf(name)] as const),
  ];
  return {
    cpu: cpus()[0]?.model ?? "unknown",
    cores: availableParallelism(),
    /** Where the subjects write. A commit to a disk takes longer. */
    storage: statfsSync(folder).type === TMPFS_MAGIC ? "memory" : "disk",
    /** Load average of the last minute when the run ended. */
    load: loadavg()[0] ?? Number.NaN,
    versions,
  };
}

/** Reads the installed version; some packages do not let their `package.json` be imported. */
function versionOf(name: string): string {
  const file = new URL(`../node_modules/${name}/package.json`, import.meta.url);
  const { version } = JSON.parse(readFileSync(file, "utf8")) as { version: string };
  return version;
}
