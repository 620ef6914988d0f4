/** What a call came to: a value, or a failure whose `message` says why. */
export type Outcome<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly failure: Failure };

/** Why a call did not work. `message` is in the words of the API; a page may rather choose its own by `code`. */
export type Failure = {
  /**
   * `signed-out`: a new sign-in is needed. `refused`: the same request will not work either.
   * `busy`: it may work after `retryAfterMs`. `unreachable`: no answer came.
   */
  readonly kind: "signed-out" | "refused" | "busy" | "unreachable";
  readonly message: string;
  /** HTTP status; absent when no answer came. */
  readonly status?: number | undefined;
  /** Code of the problem document, one of `src/protocol/error-codes.ts`. */
  readonly code?: string | undefined;
  /** The request in the server's log: for whoever runs it. */
  readonly requestId?: string | undefined;
  /** Milliseconds that the server asks to wait. */
  readonly retryAfterMs?: number | undefined;
  /** Messages by request field, where the server named the fields. */
  readonly fields?: Readonly<Record<string, string>> | undefined;
};

/** A failure as an outcome. */
export function failed(failure: Failure): { readonly ok: false; readonly failure: Failure } {
  return { ok: false, failure };
}

/**
 * Where access tokens come from.
 * @param stale a token that is refused or about to expire: another one is wanted
 */
export type TokenSource = (stale?: string) => Promise<Outcome<string>>;
