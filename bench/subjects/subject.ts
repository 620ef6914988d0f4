import type { Entry } from "../load/client-socket.ts";

/** Something that takes signed events over HTTP and sends them to sockets. */
export type Subject = {
  /** Key in the results. */
  readonly name: "hub" | "hub-batch" | "bare" | "node" | "ceiling";
  /** What the table calls it. */
  readonly label: string;
  /** Starts its server, fresh. @param folder empty, for its files */
  readonly start: (folder: string) => Promise<RunningSubject>;
};

/** A started subject. */
export type RunningSubject = {
  readonly pid: number;
  readonly port: number;
  /** How the `index`th user connects. */
  readonly entryOf: (index: number) => Promise<Entry>;
  /** The same with a ticket; asking the server for it is part of connecting. */
  readonly ticketEntryOf?: (index: number) => Promise<Entry>;
  readonly stop: () => Promise<void>;
};
