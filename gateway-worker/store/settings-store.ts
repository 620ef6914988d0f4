import type { DatabaseSync, StatementSync } from "node:sqlite";
import { z } from "zod";
import { GatewayState } from "../../src/protocol/events/rooms.ts";

/** A Discord session that can be resumed. */
export const Session = z.object({
  sessionId: z.string(),
  /** Where Discord wants the resume, without query. */
  resumeUrl: z.string(),
  /** Discord's sequence of the last dispatch that is stored. */
  seq: z.number().int(),
});
export type Session = z.infer<typeof Session>;

/** How the budget of IDENTIFY was used; kept, so that a crash loop cannot burn it. */
export const IdentifyRecord = z.object({
  /** IDENTIFYs since the last session that lasted. */
  streak: z.number().int(),
  /** Milliseconds since 1970; 0: never. */
  lastAt: z.number(),
});
export type IdentifyRecord = z.infer<typeof IdentifyRecord>;

/** The state of the connection to Discord as the hubs were told it. */
export const ToldGatewayState = z.object({ state: GatewayState, since: z.number().int() });
export type ToldGatewayState = z.infer<typeof ToldGatewayState>;

/** The few single values that outlive the process. */
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

  gatewayState(): ToldGatewayState | null {
    return this.#get("gateway", ToldGatewayState);
  }

  saveGatewayState(state: ToldGatewayState): void {
    this.#write.run("gateway", JSON.stringify(state));
  }

  /** The publisher's epoch of the last process start. */
  epoch(): string | null {
    return this.#get("epoch", z.string());
  }

  saveEpoch(epoch: string): void {
    this.#write.run("epoch", JSON.stringify(epoch));
  }

  /** Writes something. @throws when the disk does not take it */
  probe(): void {
    this.#write.run("probe", "1");
  }

  #get<S extends z.ZodType>(key: string, schema: S): z.infer<S> | null {
    const text = this.#read.get(key)?.["value"];
    if (typeof text !== "string") return null;
    return schema.parse(JSON.parse(text));
  }
}
