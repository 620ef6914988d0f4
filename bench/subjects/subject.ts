import type { Server } from "../../dev/workerd/processes.ts";
import type { Client } from "../load/clients.ts";

/** Key of a subject in the results. */
export type SubjectName =
  | "hub"
  | "hub-batch"
  | "hub-memory"
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
};

/** A started subject. */
export type RunningSubject = Pick<Server, "pid" | "port" | "stop" | "kill"> & {
  /** The `index`th user. */
  readonly clientOf: (index: number) => Client;
  /** The same user with a ticket. Getting the ticket from the server is part of connecting. */
  readonly ticketClientOf?: (index: number) => Client;
  /** D1 queries since it started; absent: it has no D1. */
  readonly d1Queries?: () => Promise<number>;
  /**
   * How often its object was constructed or called since the server started. Reading the count is no call. Absent:
   * it has no object, so nothing of it sleeps.
   */
  readonly calls?: () => Promise<number>;
  /** How often its object woke, by its own count; null: it does not report it. Reading the count wakes it. */
  readonly wakes?: () => Promise<number | null>;
};

/** Reads a number from one of the bench's own Workers. */
export async function countAt(port: number, path: string): Promise<number> {
  const response = await fetch(`http://127.0.0.1:${port}${path}`, {
    headers: { Connection: "close" },
  });
  const count = Number(await response.text());
  if (!response.ok || !Number.isFinite(count)) throw new Error(`no number at ${path}`);
  return count;
}
