/** Opcodes of the test's dialect (`src/testing/opcode-dialect.ts`). */
const OP = { event: 0, heartbeat: 1, message: 20, answered: 21, call: 22 } as const;

/** Why a call has no answer, when the connection of its caller has ended. */
export const CONNECTION_ENDED = "connection ended";

/** A call has no answer, for the hub's reason or because the connection has ended. */
export class CallFailed extends Error {}

/**
 * A client of a hub of an account that calls methods of others and answers calls, in the test's dialect. It only
 * speaks: whoever makes it carries the texts.
 */
export class DeskCaller {
  readonly #send: (text: string) => void;
  readonly #answer: (params: unknown) => unknown;
  readonly #waiting = new Map<
    string,
    { readonly resolve: (data: unknown) => void; readonly reject: (why: CallFailed) => void }
  >();
  #number: number | null = null;
  #next = 0;
  /** Answers for which nothing waits. */
  strays = 0;

  /** @param answer to a call of one of its methods; undefined: it does not answer */
  constructor(send: (text: string) => void, answer: (params: unknown) => unknown) {
    this.#send = send;
    this.#answer = answer;
  }

  /** Registers a method of its own. */
  async register(method: string): Promise<void> {
    await this.#ask("desk.register", { method });
  }

  /**
   * Calls a method of another client.
   * @param timeoutMs how long its owner may take
   * @throws CallFailed with the reason
   */
  async call(method: string, params: unknown, timeoutMs: number): Promise<unknown> {
    const data = await this.#ask("desk.call", { method, params, timeoutMs });
    if (isFailure(data)) throw new CallFailed(data.failed);
    return data;
  }

  /** Takes a frame of the hub. */
  hear(text: string): void {
    const { op, s, d } = JSON.parse(text) as {
      readonly op: number;
      readonly s?: number;
      readonly d?: { readonly id?: string; readonly data?: unknown };
    };
    switch (op) {
      case OP.event:
        this.#number = s ?? this.#number;
        return;
      case OP.heartbeat:
        return this.#say(OP.heartbeat, this.#number);
      case OP.call:
        return this.#called(d?.id, this.#answer(d?.data));
      case OP.answered: {
        const id = d?.id ?? "";
        const waiting = this.#waiting.get(id);
        if (waiting === undefined) this.strays += 1;
        waiting?.resolve(d?.data);
        this.#waiting.delete(id);
      }
    }
  }

  /** Its connection has ended: nothing more is answered. */
  ended(): void {
    for (const { reject } of this.#waiting.values()) reject(new CallFailed(CONNECTION_ENDED));
    this.#waiting.clear();
  }

  #ask(name: string, data: unknown): Promise<unknown> {
    const { promise, resolve, reject } = Promise.withResolvers<unknown>();
    this.#next += 1;
    const ack = String(this.#next);
    this.#waiting.set(ack, { resolve, reject });
    this.#send(JSON.stringify({ op: OP.message, d: { name, data, ack } }));
    return promise;
  }

  #called(id: string | undefined, data: unknown): void {
    if (data !== undefined) this.#say(OP.answered, { id, data });
  }

  #say(op: number, d: unknown): void {
    this.#send(JSON.stringify({ op, d }));
  }
}

function isFailure(data: unknown): data is { readonly failed: string } {
  return typeof data === "object" && data !== null && "failed" in data;
}
