/** Which calls a fault is for. */
interface FaultTarget {
  /** Null: all. */
  readonly method: string | null;
  /** A path below the API's base path: `:name` matches any one part, a final `*` any rest. Null: all paths. */
  readonly path: string | null;
}

interface Rule<Fault> {
  readonly fault: Fault;
  readonly target: FaultTarget;
  skip: number;
  times: number;
}

const EVERY_CALL: FaultTarget = { method: null, path: null };

/** Faults that a test has set. The next calls of an API get them instead of their answer. */
export class CallFaults<Fault> {
  #rules: readonly Rule<Fault>[] = [];

  /**
   * After `skip` calls of the target, the next `times` calls get the fault. It replaces an earlier fault of the
   * same target. With `times` 0 it only removes that one, or all faults if the target is every call.
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
   * The fault for this call, or null. It counts the call.
   * @param path below the API's base path
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

/** Whether a path matches a pattern, in which `:name` matches any one part. */
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
