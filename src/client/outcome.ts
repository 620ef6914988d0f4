/** The result of a call: a value, or a failure whose `message` says why. */
export type Outcome<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly failure: Failure };

/** Why a call failed. `message` is the text of the API; a page may choose its own text by `code`. */
export type Failure = {
  /**
   * `signed-out`: a new sign-in is needed. `refused`: repeating the request will not help. `busy`: it may work
   * after `retryAfterMs`. `unreachable`: no answer came.
   */
  readonly kind: "signed-out" | "refused" | "busy" | "unreachable";
  readonly message: string;
  /** HTTP status; absent when no answer came. */
  readonly status?: number | undefined;
  /** Code of the problem document, one of `src/protocol/error-codes.ts`. */
  readonly code?: string | undefined;
  /** Id of the request in the server's log, for the server's operator. */
  readonly requestId?: string | undefined;
  /** The wait that the server requests, milliseconds. */
  readonly retryAfterMs?: number | undefined;
  /** Messages by request field, where the server named the fields. */
  readonly fields?: Readonly<Record<string, string>> | undefined;
};

export function failed(failure: Failure): { readonly ok: false; readonly failure: Failure } {
  return { ok: false, failure };
}

/**
 * Where access tokens come from.
 * @param stale a token that was refused or is about to expire; another one is needed
 */
export type TokenSource = (stale?: string) => Promise<Outcome<string>>;
