/**
 * One call for all who want to know the same kind of thing: who asks while one is under way shares the next, so
 * nobody gets an answer from before they asked. For Durable Objects, whose events may wait for each other; the
 * call must have a deadline.
 */
export class SharedCall<Input, Output> {
  readonly #call: (inputs: readonly Input[]) => Promise<readonly Output[]>;
  readonly #background: (work: Promise<unknown>) => void;
  #waiting: Waiting<Input, Output>[] = [];
  #isUnderWay = false;

  /**
   * @param call gives an answer for each input, in their order
   * @param background keeps work alive whatever becomes of the event that began it
   */
  constructor(
    call: (inputs: readonly Input[]) => Promise<readonly Output[]>,
    background: (work: Promise<unknown>) => void,
  ) {
    this.#call = call;
    this.#background = background;
  }

  /** Asks together with others. Rejects when the call does. */
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
          if (answer === undefined) reject(new Error("there is no answer for one who asked"));
          else resolve(answer);
        }
      } catch (error) {
        for (const { reject } of asked) reject(error);
      }
    }
    this.#isUnderWay = false;
  }
}

type Waiting<Input, Output> = {
  readonly input: Input;
  readonly resolve: (answer: Output) => void;
  readonly reject: (why: unknown) => void;
};
