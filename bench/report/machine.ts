import { readFileSync, statfsSync } from "node:fs";
import { availableParallelism, cpus, loadavg } from "node:os";
import { workerdVersion } from "../../dev/workerd/workerd.ts";

/** `f_type` of a tmpfs (statfs(2)). */
const TMPFS_MAGIC = 0x01021994;

/** What a run was made on and with. Nothing that names the machine. */
export type Machine = {
  readonly cpu: string;
  readonly cores: number;
  /** Processes that wanted a core when the run ended, on average over a minute. */
  readonly load: number;
  /** Where the subjects write: a commit that reaches a disk takes its time. */
  readonly storage: "disk" | "memory";
  /** Name and version of what takes part. */
  readonly versions: readonly (readonly [string, string])[];
};

/** Describes the machine and the versions. @param folder where the subjects write */
export function describeMachine(folder: string): Machine {
  return {
    cpu: cpus()[0]?.model ?? "unknown",
    cores: availableParallelism(),
    storage: statfsSync(folder).type === TMPFS_MAGIC ? "memory" : "disk",
    load: loadavg()[0] ?? Number.NaN,
    versions: [
      ["Node", process.versions.node],
      ["workerd", workerdVersion()],
      ["ws", versionOf("ws")],
      ["hono", versionOf("hono")],
      ["partyserver", versionOf("partyserver")],
      ["Socket.IO", versionOf("socket.io")],
    ],
  };
}

/** Reads the installed version; some packages do not let their `package.json` be imported. */
function versionOf(name: string): string {
  const file = new URL(`../../node_modules/${name}/package.json`, import.meta.url);
  const { version } = JSON.parse(readFileSync(file, "utf8")) as { version: string };
  return version;
}
