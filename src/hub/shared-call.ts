/**
 * Combines requests into shared calls. A request that arrives while a call is under way joins the next call, so no
 * answer is older than its request. For Durable Objects only, because there one request may wait for the call of
 * another. The call must have a deadline.
 */
export class SharedCall<Input, Output> {
  readonly #call: (inputs: readonly Input[]) => Promise<readonly Output[]>;
  readonly #background: (work: Promise<unknown>) => void;
  #waiting: WaitingInput<Input, Output>[] = [];
  #isUnderWay = false;

  /**
   * @param call returns an answer for each input, in the same order
   * @param background keeps work alive after the event that began it
   */
  constructor(
    call: (inputs: readonly Input[]) => Promise<readonly Output[]>,
    background: (work: Promise<unknown>) => void,
  ) {
    this.#call = call;
    this.#background = background;
  }

  /** Asks together with other requests. Rejects when the call does. */
  ask(input: Input): Promise<Output> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ input, resolve, reject });
      if (!this.#isUnderWay) this.#background(this.#askForAll());
    });
  }

  async #askForAll(): Promise<void> {
    this.#isUnderWay = true;
    while (this.#waiting.length > 0) {
      const asked = this.#waiting.splice(0);
      try {
        const answers = await this.#call(asked.map(({ input }) => input));
        for (const [index, { resolve, reject }] of asked.entries()) {
          const answer = answers[index];
          if (answer === undefined)
            reject(new Error("the shared call has no answer for one of its inputs"));
          else resolve(answer);
        }
      } catch (error) {
        for (const { reject } of asked) reject(error);
      }
    }
    this.#isUnderWay = false;
  }
}

type WaitingInput<Input, Output> = {
  readonly input: Input;
  readonly resolve: (answer: Output) => void;
  readonly reject: (why: unknown) => void;
};
