/** A version of Semantic Versioning 2.0, without its build. */
export type AppVersion = {
  readonly numbers: readonly number[];
  /** Parts of the pre-release; empty: it is a release. */
  readonly preRelease: readonly string[];
};

/** The oldest version of an app that a platform's store should have left. */
export type StoreVersion = {
  /** In lower case, such as `ios`. */
  readonly platform: string;
  readonly oldest: AppVersion;
  /** Where the store has a newer one. */
  readonly updateUrl: string;
};

const NUMBER = "(0|[1-9]\\d{0,8})";
const PARTS = "[\\dA-Za-z.-]{1,100}";
const VERSION = new RegExp(`^${NUMBER}\\.${NUMBER}\\.${NUMBER}(?:-(${PARTS}))?(?:\\+${PARTS})?$`);

/** Reads a version (semver.org, §2, §9, §10). null: it is none. */
export function readVersion(text: string): AppVersion | null {
  const [whole, major, minor, patch, after] = VERSION.exec(text) ?? [];
  if (whole === undefined) return null;
  const preRelease = after?.split(".") ?? [];
  if (preRelease.some((part) => part === "" || /^0\d+$/.test(part))) return null;
  return { numbers: [major, minor, patch].map(Number), preRelease };
}

/** Whether a version comes before another one (semver.org, §11). */
export function isBefore(one: AppVersion, other: AppVersion): boolean {
  for (const [at, number] of one.numbers.entries()) {
    const difference = number - (other.numbers[at] ?? 0);
    if (difference !== 0) return difference < 0;
  }
  if (one.preRelease.length === 0) return false;
  if (other.preRelease.length === 0) return true;
  for (const [at, part] of one.preRelease.entries()) {
    const against = other.preRelease[at];
    if (against === undefined) return false;
    if (part !== against) return isPartBefore(part, against);
  }
  return one.preRelease.length < other.preRelease.length;
}

/** Numbers come before words, and are compared as numbers. */
function isPartBefore(one: string, other: string): boolean {
  const [isNumber, isOtherNumber] = [one, other].map((part) => /^\d+$/.test(part));
  if (isNumber !== isOtherNumber) return isNumber === true;
  // Without zeros before them, a longer number is a larger one.
  if (isNumber === true && one.length !== other.length) return one.length < other.length;
  return one < other;
}

/**
 * Where an app should be updated (sync.md §3.10).
 * @param version as the app says; what cannot be read counts as too old
 * @returns null: it is new enough, or nobody knows its platform
 */
export function updateUrlFor(
  stores: readonly StoreVersion[],
  platform: string,
  version: string,
): string | null {
  const store = stores.find((one) => one.platform === platform.toLowerCase());
  if (store === undefined) return null;
  const present = readVersion(version);
  return present === null || isBefore(present, store.oldest) ? store.updateUrl : null;
}
