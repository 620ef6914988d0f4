import type { AreaName } from "../../src/config.ts";

/** The processes of the local stack. */
export type PartName = "worker" | "idp" | "discord" | "faceit" | "gateway" | "voice";

/** A value for each part. */
export function ofParts<T>(value: (part: PartName) => T): Record<PartName, T> {
  return {
    worker: value("worker"),
    idp: value("idp"),
    discord: value("discord"),
    gateway: value("gateway"),
    faceit: value("faceit"),
    voice: value("voice"),
  };
}

/** The parts that each area needs beside the Worker; sync needs voice only where a variable names the local one. */
export const AREA_PARTS: Readonly<Record<AreaName, readonly PartName[]>> = {
  rooms: ["idp", "discord", "gateway"],
  matches: ["idp", "discord", "faceit", "gateway"],
  sync: ["voice"],
};

/** The name of each part in the stack's output. */
export const PART_LABELS: Readonly<Record<PartName, string>> = {
  worker: "worker",
  idp: "identity provider",
  discord: "local discord",
  faceit: "local faceit",
  voice: "local voice",
  gateway: "gateway-worker",
};

/** The variable that changes each part's port, and the default port. */
export const PORT_VARIABLES: Readonly<
  Record<PartName, { readonly variable: string; readonly usual: number }>
> = {
  worker: { variable: "WORKER_PORT", usual: 8787 },
  idp: { variable: "IDP_PORT", usual: 8788 },
  discord: { variable: "DISCORD_PORT", usual: 8789 },
  gateway: { variable: "GATEWAY_PORT", usual: 8790 },
  faceit: { variable: "FACEIT_PORT", usual: 8791 },
  voice: { variable: "VOICE_PORT", usual: 8792 },
};

/** Folder of the parts' state when STATE_DIR names none. */
export const DEFAULT_STATE = ".state";

/** Variables of the stack itself, which the Worker does not use. */
export const STACK_VARIABLES: ReadonlySet<string> = new Set([
  ...Object.values(PORT_VARIABLES).map(({ variable }) => variable),
  "HUB_ENDPOINT",
  "STATE_DIR",
  "VERBOSE",
]);
