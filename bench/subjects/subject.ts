import { fileURLToPath } from "node:url";
import type { Server } from "../../dev/workerd/processes.ts";
import type { Client } from "../load/clients.ts";

/** Key of a subject in the results. */
export type SubjectName =
  | "hub"
  | "hub-batch"
  | "hub-memory"
  | "floor"
  | "bare"
  | "journal-loop"
  | "party"
  | "node"
  | "socket-io"
  | "ceiling";

/** A server that accepts signed events over HTTP and sends them to sockets. */
export type Subject = {
  readonly name: SubjectName;
  /** Its name in the tables. */
  readonly label: string;
  /** Where it keeps missed events: nowhere, in its process, or on disk, where they survive a restart. */
  readonly remembers: "nothing" | "in its process" | "on disk";
  /** Whether its engine can be told to collect garbage: {@link StartOptions.collects}. */
  readonly canCollect?: true;
  /** Starts its server. @param folder empty, or with the files of an earlier start */
  readonly start: (folder: string, options?: StartOptions) => Promise<RunningSubject>;
};

/** How a server starts. */
export type StartOptions = {
  /** The port of an earlier start; absent: any free port. */
  readonly port?: number;
  /** Keeps missed events, where a server does so only on request. */
  readonly recovery?: boolean;
  /** Counts the calls into its object, where it has one. */
  readonly observed?: boolean;
  /** Its engine can be told to collect garbage. */
  readonly collects?: boolean;
};

/** A started subject. */
export type RunningSubject = Pick<Server, "pid" | "port" | "stop" | "kill"> & {
  /** The `index`th user. */
  readonly clientOf: (index: number) => Client;
  /** The same user with a ticket. Getting the ticket from the server is part of connecting. */
  readonly ticketClientOf?: (index: number) => Client;
  /** D1 queries since it started; absent: it has no D1. */
  readonly d1Queries?: () => Promise<number>;
  /** Collects all garbage of its engine; absent: it was not started for that. */
  readonly collect?: () => Promise<unknown>;
  /**
   * How often its object was constructed or called since the server started. Reading the count is no call. Absent:
   * it has no object, so nothing of it sleeps.
   */
  readonly calls?: () => Promise<number>;
  /** How often its object woke, by its own count; null: it does not report it. Reading the count wakes it. */
  readonly wakes?: () => Promise<number | null>;
};

/** An event, and the grants of those who may see it; null: everybody. */
export type Publication = {
  readonly event: string;
  readonly payload: object;
  readonly audience: readonly string[] | null;
  readonly topic: string | null;
};

/** A hub that events of any audience can be published to, as areas publish. */
export type PublishingHub = RunningSubject & {
  readonly publish: (publications: readonly Publication[]) => Promise<void>;
};

/** A module around one of the bench's Workers that can be told to collect garbage, and how it is started. */
export const COLLECTING = {
  module: fileURLToPath(import.meta.resolve("./collecting.worker.mjs")),
  v8Flags: ["--expose-gc"],
} as const;

/** Has a Worker inside of {@link COLLECTING} collect its garbage: more than once, because some takes a second time. */
export async function collectAt(port: number): Promise<void> {
  for (let time = 0; time < 3; time += 1) await countAt(port, "/collect");
}

/** Reads a number from one of the bench's own Workers. */
export async function countAt(port: number, path: string): Promise<number> {
  const response = await fetch(`http://127.0.0.1:${port}${path}`, {
    headers: { Connection: "close" },
  });
  const count = Number(await response.text());
  if (!response.ok || !Number.isFinite(count)) throw new Error(`no number at ${path}`);
  return count;
}
