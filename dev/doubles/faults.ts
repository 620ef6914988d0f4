/** Which calls a fault is for. */
interface FaultTarget {
  /** Null: all. */
  readonly method: string | null;
  /** A path below the API's own: `:name` is any one part, a last `*` any rest. Null: all. */
  readonly path: string | null;
}

interface Rule<Fault> {
  readonly fault: Fault;
  readonly target: FaultTarget;
  skip: number;
  times: number;
}

const EVERY_CALL: FaultTarget = { method: null, path: null };

/** Faults that a test asked for: what the next so many calls of an API get instead of their answer. */
export class CallFaults<Fault> {
  #rules: readonly Rule<Fault>[] = [];

  /**
   * After `skip` calls of the target the next `times` get the fault. It replaces what was asked for
   * the same target; 0 times clears it, and all of it when the target is every call.
   */
  set(
    fault: Fault,
    {
      times,
      skip = 0,
      target = EVERY_CALL,
    }: { readonly times: number; readonly skip?: number; readonly target?: FaultTarget },
  ): void {
    const everything = target.method === null && target.path === null;
    const others = this.#rules.filter((rule) => !isSame(rule.target, target));
    if (times > 0) this.#rules = [...others, { fault, target, skip, times }];
    else this.#rules = everything ? [] : others;
  }

  /**
   * The fault of the call that just came, or null.
   * @param path below the API's own
   */
  take(method: string, path: string): Fault | null {
    for (const rule of this.#rules) {
      if (!isFor(rule.target, method, path)) continue;
      if (rule.skip > 0) {
        rule.skip -= 1;
        continue;
      }
      rule.times -= 1;
      if (rule.times === 0) this.#rules = this.#rules.filter((other) => other !== rule);
      return rule.fault;
    }
    return null;
  }
}

/** Whether a path is one of a pattern, in which `:name` stands for any one part. */
export function fits(pattern: string, path: string): boolean {
  const expected = pattern.split("/");
  const actual = path.split("/");
  return (
    expected.length === actual.length &&
    expected.every((part, index) => part.startsWith(":") || part === actual[index])
  );
}

function isSame(one: FaultTarget, other: FaultTarget): boolean {
  return one.method === other.method && one.path === other.path;
}

function isFor(target: FaultTarget, method: string, path: string): boolean {
  if (target.method !== null && target.method !== method) return false;
  if (target.path === null) return true;
  if (!target.path.endsWith("/*")) return fits(target.path, path);
  const parts = target.path.split("/").length - 1;
  const start = path.split("/").slice(0, parts).join("/");
  return fits(target.path.slice(0, -"/*".length), start);
}
