import type { DatabaseSync, StatementSync } from "node:sqlite";
import { z } from "zod";
import { GatewayState } from "../../src/protocol/events/rooms.ts";

/** A Discord session that can be resumed. */
export const Session = z.object({
  sessionId: z.string(),
  /** URL that Discord wants for the resume, without query. */
  resumeUrl: z.string(),
  /** Discord's sequence of the last stored dispatch. */
  seq: z.number().int(),
});
export type Session = z.infer<typeof Session>;

/** Use of the IDENTIFY budget; it is stored, so that a crash loop cannot use the budget up. */
export const IdentifyRecord = z.object({
  /** IDENTIFYs since the last successful session. */
  streak: z.number().int(),
  /** Milliseconds since 1970; 0: never. */
  lastAt: z.number(),
});
export type IdentifyRecord = z.infer<typeof IdentifyRecord>;

/** The state of the connection to Discord that was last sent to the hubs. */
export const ReportedGatewayState = z.object({ state: GatewayState, since: z.number().int() });
export type ReportedGatewayState = z.infer<typeof ReportedGatewayState>;

/** Single values that survive the process. */
export class SettingsStore {
  readonly #read: StatementSync;
  readonly #write: StatementSync;
  readonly #remove: StatementSync;

  constructor(db: DatabaseSync) {
    this.#read = db.prepare("SELECT value FROM settings WHERE key = ?");
    this.#write = db.prepare(
      "INSERT INTO settings (key, value) VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value",
    );
    this.#remove = db.prepare("DELETE FROM settings WHERE key = ?");
  }

  session(): Session | null {
    return this.#get("session", Session);
  }

  saveSession(session: Session): void {
    this.#write.run("session", JSON.stringify(session));
  }

  dropSession(): void {
    this.#remove.run("session");
  }

  identifyRecord(): IdentifyRecord {
    return this.#get("identify", IdentifyRecord) ?? { streak: 0, lastAt: 0 };
  }

  saveIdentifyRecord(record: IdentifyRecord): void {
    this.#write.run("identify", JSON.stringify(record));
  }

  gatewayState(): ReportedGatewayState | null {
    return this.#get("gateway", ReportedGatewayState);
  }

  saveGatewayState(state: ReportedGatewayState): void {
    this.#write.run("gateway", JSON.stringify(state));
  }

  /** The publisher's epoch of the last process start. */
  epoch(): string | null {
    return this.#get("epoch", z.string());
  }

  saveEpoch(epoch: string): void {
    this.#write.run("epoch", JSON.stringify(epoch));
  }

  /**
   * Writes a value.
   * @throws when the disk rejects it
   */
  probe(): void {
    this.#write.run("probe", "1");
  }

  #get<S extends z.ZodType>(key: string, schema: S): z.infer<S> | null {
    const text = this.#read.get(key)?.["value"];
    if (typeof text !== "string") return null;
    return schema.parse(JSON.parse(text));
  }
}
