/** A new value for something with a version, and the version that its writer knows (sync.md §1). */
export type Change<Value> = { readonly value: Value; readonly expected: number };

/** What came of a {@link Change}: stored, refused with what is there, or impossible. */
export type Changed<Value extends string | null = string | null> =
  | {
      readonly result: "success" | "version-mismatch";
      readonly version: number;
      readonly value: Value;
    }
  | { readonly result: "error"; readonly message: string };

/**
 * Compares and swaps: nothing comes in between, because a hub's turn is synchronous.
 * @param write stores the value with its new version
 */
export function versionedChange<Value extends string | null>(
  stored: { readonly value: Value; readonly version: number },
  { value, expected }: Change<Value>,
  write: (next: { readonly value: Value; readonly version: number }) => void,
): Exclude<Changed<Value>, { readonly result: "error" }> {
  if (stored.version !== expected) return { result: "version-mismatch", ...stored };
  const version = expected + 1;
  write({ value, version });
  return { result: "success", value, version };
}
