/** What a run can have got wrong. All must be zero. */
export const PROBLEM_KINDS = [
  "lost",
  "duplicated",
  "reordered",
  "leaked",
  /** Had to start over from a position that could be resumed. */
  "reset",
  /** Anything else that the protocol does not allow. */
  "wrong",
] as const;
export type ProblemKind = (typeof PROBLEM_KINDS)[number];

/** Examples that are kept of each kind: enough to start looking. */
const EXAMPLES = 8;

/** Counts what is wrong, and keeps the first examples in words. */
export class Problems {
  readonly #found = new Map<ProblemKind, { count: number; readonly examples: string[] }>();

  add(kind: ProblemKind, example: string): void {
    const found = this.#found.get(kind) ?? { count: 0, examples: [] };
    found.count += 1;
    if (found.examples.length < EXAMPLES) found.examples.push(example);
    this.#found.set(kind, found);
  }

  count(kind: ProblemKind): number {
    return this.#found.get(kind)?.count ?? 0;
  }

  /** Counts and examples of the kinds that were found. */
  get all(): readonly { readonly kind: ProblemKind; readonly examples: readonly string[] }[] {
    return PROBLEM_KINDS.flatMap((kind) => {
      const found = this.#found.get(kind);
      return found === undefined ? [] : [{ kind, examples: found.examples }];
    });
  }
}
