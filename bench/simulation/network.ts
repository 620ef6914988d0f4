import type { Random } from "./random.ts";
import type { VirtualTime } from "./virtual-time.ts";

/** What can die and come back: whatever it had under way is then nobody's any more. */
export class Mortal {
  generation = 0;
  /** Calls that it is working on: their callers learn of its end. */
  readonly inbound = new Set<() => void>();

  /** Its memory is gone. */
  die(): void {
    this.generation += 1;
    const broken = [...this.inbound];
    this.inbound.clear();
    for (const fail of broken) fail();
  }
}

/** Calls between objects: they take time, and some are lost on the way there or back. */
export class Network {
  /** Share of calls that never arrive, and of answers that never do. */
  lossRate = 0;
  lost = 0;
  readonly #time: VirtualTime;
  readonly #random: Random;

  constructor(time: VirtualTime, random: Random) {
    this.#time = time;
    this.#random = random;
  }

  /** Calls `to`, which runs `run` when the call arrives. Never settles for a caller that died. */
  call<T>(from: Mortal, to: Mortal, run: () => Promise<T> | T): Promise<T> {
    return new Promise((resolve, reject) => {
      const caller = from.generation;
      const answer = (settle: () => void): void => {
        this.#time.after(this.#latency(), () => {
          if (from.generation === caller) settle();
        });
      };
      const fail = (): void => answer(() => reject(new Error("the call broke off")));
      if (this.#isLost()) {
        fail();
        return;
      }
      this.#time.after(this.#latency(), () => {
        const callee = to.generation;
        to.inbound.add(fail);
        const isAlive = (): boolean => to.generation === callee && to.inbound.delete(fail);
        void this.#run(run, (error, value) => {
          if (!isAlive()) return;
          if (error !== undefined) answer(() => reject(error));
          else if (value === undefined || this.#isLost()) fail();
          else answer(() => resolve(value));
        });
      });
    });
  }

  async #run<T>(
    work: () => Promise<T> | T,
    done: (error: Error | undefined, value?: T) => void,
  ): Promise<void> {
    try {
      done(undefined, await work());
    } catch (error) {
      done(error instanceof Error ? error : new Error(String(error)));
    }
  }

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
