import { ulid } from "ulid";
import type { SignedEvent } from "../../src/protocol/signed-events.ts";
import type { Random } from "./random.ts";

type Visit = { readonly userId: string; readonly channelId: string };

/** Most users that are present at the same time, so that a restart of the container removes few of them. */
const PRESENT_MAX = 60;

/** Makes events of new users: each join changes something whenever it arrives. */
export class Visits {
  readonly #guildId: string;
  readonly #firstUser: bigint;
  #present: Visit[] = [];
  #made = 0n;

  /** @param series 0 to 99; two of these with different values have different users */
  constructor(guildId: string, series: number) {
    this.#guildId = guildId;
    this.#firstUser = 70_000_000_000_000_000n + BigInt(series) * 100_000_000_000_000n;
  }

  /**
   * A batch that leads to the same state in any order: some users join, and others, who joined with an
   * earlier batch, leave.
   */
  next(size: number, random: Random, channels: readonly string[]): SignedEvent[] {
    const leaving: Visit[] = [];
    const coming: Visit[] = [];
    for (let i = 0; i < size; i += 1) {
      const isFull = this.#present.length > 0 && this.#present.length + coming.length > PRESENT_MAX;
      const mayLeave = this.#present.length > 0 && random.chance(0.5);
      if (isFull || mayLeave) {
        const at = random.between(0, this.#present.length - 1);
        leaving.push(...this.#present.splice(at, 1));
      } else {
        this.#made += 1n;
        const userId = String(this.#firstUser + this.#made);
        coming.push({ userId, channelId: random.pick(channels) });
      }
    }
    this.#present.push(...coming);
    return [
      ...leaving.map((visit) => this.#event("voice.left", visit)),
      ...coming.map((visit) => this.#event("voice.joined", visit)),
    ];
  }

  #event(event: string, visit: Visit): SignedEvent {
    return { id: ulid(), event, payload: { guildId: this.#guildId, ...visit }, ts: Date.now() };
  }
}
