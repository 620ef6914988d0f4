import type { Fate } from "../../src/testing/virtual-guild.ts";
import type { Random } from "../../src/testing/random.ts";

/** Calls between objects take time, and some are lost on the way there or back. */
export class Network {
  /** Share of calls that never arrive, and of answers that never do. */
  lossRate = 0;
  lost = 0;
  readonly #random: Random;

  constructor(random: Random) {
    this.#random = random;
  }

  /** What becomes of the next call. */
  readonly fate = (): Fate => {
    const fate = { thereMs: this.#latency(), backMs: this.#latency() };
    if (this.#isLost()) return { ...fate, lost: "request" };
    return this.#isLost() ? { ...fate, lost: "answer" } : fate;
  };

  /** One way, milliseconds. */
  #latency(): number {
    return 10 + Math.floor(this.#random() * 30);
  }

  #isLost(): boolean {
    const isLost = this.#random() < this.lossRate;
    if (isLost) this.lost += 1;
    return isLost;
  }
}
