import type { Server } from "../../dev/workerd/processes.ts";
import type { Client } from "../load/clients.ts";

/** Key of a subject in the results. */
export type SubjectName =
  | "hub"
  | "hub-batch"
  | "hub-memory"
  | "bare"
  | "party"
  | "node"
  | "socket-io"
  | "ceiling";

/** Something that takes signed events over HTTP and sends them to sockets. */
export type Subject = {
  readonly name: SubjectName;
  /** What the tables call it. */
  readonly label: string;
  /** Where it keeps what a client misses: nowhere, in its process, or so that a restart spares it. */
  readonly remembers: "nothing" | "in its process" | "on disk";
  /** Starts its server. @param folder empty, or with what a former start left there */
  readonly start: (folder: string, options?: StartOptions) => Promise<RunningSubject>;
};

/** How a server starts. */
export type StartOptions = {
  /** The port of a former start; absent: a free one. */
  readonly port?: number;
  /** Turns on what keeps missed events, where a server does not always do so. */
  readonly recovery?: boolean;
  /** Counts the calls into its object, where it has one. */
  readonly observed?: boolean;
};

/** A started subject. */
export type RunningSubject = Pick<Server, "pid" | "port" | "stop" | "kill"> & {
  /** The `index`th user. */
  readonly clientOf: (index: number) => Client;
  /** The same with a ticket; asking the server for it is part of connecting. */
  readonly ticketClientOf?: (index: number) => Client;
  /** D1 queries since it started; absent: it has no D1. */
  readonly d1Queries?: () => Promise<number>;
  /**
   * How often its object was constructed or called since the server started; asking is no call.
   * Absent: it has no object, so that nothing of it sleeps.
   */
  readonly calls?: () => Promise<number>;
  /** How often its object woke, by its own count; null: it does not say. Asking wakes it. */
  readonly wakes?: () => Promise<number | null>;
};

/** Asks one of the bench's own Workers for a number. */
export async function countAt(port: number, path: string): Promise<number> {
  const response = await fetch(`http://127.0.0.1:${port}${path}`, {
    headers: { Connection: "close" },
  });
  const count = Number(await response.text());
  if (!response.ok || !Number.isFinite(count)) throw new Error(`no number at ${path}`);
  return count;
}
