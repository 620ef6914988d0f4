import { readdir } from "node:fs/promises";
import path from "node:path";
import { DatabaseSync } from "node:sqlite";
import type { DiscordControl } from "../../dev/discord/control-client.ts";
import type { StackProcess } from "../../dev/testing/stack.ts";

const EVERY_MS = 400;
/** 2015-01-01. The timestamp in a Discord id counts milliseconds from here. */
const DISCORD_EPOCH_MS = 1_420_070_400_000;

/** A call that the local Discord answered. Times are milliseconds since 1970. */
type SeenCall = {
  readonly at: number;
  readonly method: string;
  readonly path: string;
  readonly status: number;
};

/** A channel of a match. */
export type MatchChannel = { readonly id: string; readonly name: string; readonly madeAt: number };

/** Follows the calls that the local Discord answers, often enough to miss none. */
export class DiscordWatch {
  readonly #discord: DiscordControl;
  readonly #calls: SeenCall[] = [];
  readonly #timer: NodeJS.Timeout;
  #last = 0;
  #reading: Promise<void> = Promise.resolve();
  /** Calls that were dropped from Discord's log between two looks. They make a run void. */
  missed = 0;

  constructor(discord: DiscordControl) {
    this.#discord = discord;
    this.#timer = setInterval(() => void this.read(), EVERY_MS);
  }

  /** The calls since a moment. */
  async since(time: number): Promise<readonly SeenCall[]> {
    await this.read();
    return this.#calls.filter(({ at }) => at >= time);
  }

  /** The channels of matches that exist now. */
  async matchChannels(): Promise<readonly MatchChannel[]> {
    const { channels } = await this.#discord.state();
    return channels
      .filter(({ name }) => name.startsWith("match-"))
      .map(({ id, name }) => ({ id, name, madeAt: timeOf(id) }));
  }

  /** Reads new calls. Looks run one after the other. */
  read(): Promise<void> {
    this.#reading = this.#reading.then(() => this.#take());
    return this.#reading;
  }

  async close(): Promise<void> {
    clearInterval(this.#timer);
    await this.#reading;
  }

  async #take(): Promise<void> {
    for (const { n, at, ...call } of await this.#discord.calls()) {
      if (n <= this.#last) continue;
      this.missed += n - this.#last - 1;
      this.#last = n;
      this.#calls.push({ at: Date.parse(at), ...call });
    }
  }
}

/** When a Discord object was created, read from its id. */
function timeOf(id: string): number {
  return Number(BigInt(id) >> 22n) + DISCORD_EPOCH_MS;
}

/** The stack's D1, read beside the Worker. */
export type MatchRows = Awaited<ReturnType<typeof openMatchRows>>;

/** @throws when the stack has no D1 with matches */
export async function openMatchRows({ stateDir }: StackProcess) {
  const folder = path.join(stateDir, "worker");
  const files = await readdir(folder, { recursive: true });
  for (const file of files.filter((name) => /d1.*\.sqlite$/.test(name))) {
    const database = new DatabaseSync(path.join(folder, file), { readOnly: true });
    const count = (of: string): number =>
      Number(database.prepare(`SELECT count(*) AS n FROM ${of}`).get()?.["n"] ?? Number.NaN);
    if (count("sqlite_master WHERE name = 'active_matches'") > 0) {
      return {
        /** Rows of channels that exist or are being created. */
        active: () => count("active_matches"),
        /** Matches that have not ended. */
        live: () => count("matches WHERE state = 'live'"),
        close: () => database.close(),
      };
    }
    database.close();
  }
  throw new Error(`no database in ${folder} has the table active_matches`);
}
