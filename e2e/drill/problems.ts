/** Kinds of problems in a run. All counts must be zero. */
export const PROBLEM_KINDS = [
  "lost",
  "duplicated",
  "reordered",
  "leaked",
  /** A call that neither had an answer nor failed. */
  "unanswered",
  /** A client had to start over although its position could be resumed. */
  "reset",
  /** Any other violation of the protocol. */
  "wrong",
] as const;
export type ProblemKind = (typeof PROBLEM_KINDS)[number];

/** Number of examples that are kept of each kind. */
const EXAMPLES = 8;

/** Counts problems, and keeps the first examples in words. */
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

  /** Counts and examples of the kinds that occurred. */
  get all(): readonly { readonly kind: ProblemKind; readonly examples: readonly string[] }[] {
    return PROBLEM_KINDS.flatMap((kind) => {
      const found = this.#found.get(kind);
      return found === undefined ? [] : [{ kind, examples: found.examples }];
    });
  }
}
