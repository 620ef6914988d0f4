/** How requests leave. */
export type Fetch = (url: string, init: RequestInit) => Promise<Response>;

/** What somebody else's server answered. */
export type OutboundAnswer = {
  readonly status: number;
  readonly headers: Headers;
  /** Null: it has more bytes than were asked for. */
  readonly text: string | null;
};

/**
 * The one way to ask a server that is not ours, once: bounded in time and in size. Redirects are not
 * followed, so that a token or a code goes nowhere else.
 * @param bounds milliseconds until the whole answer must be there, and bytes of its body
 * @throws when the connection is lost, or the time is up (`TimeoutError`)
 */
export async function askOutside(
  url: string,
  init: RequestInit,
  bounds: { readonly timeoutMs: number; readonly maxBytes: number },
  // Looked up when it is called: tests replace it.
  send: Fetch = (to, what) => fetch(to, what),
): Promise<OutboundAnswer> {
  const abort = new AbortController();
  // Not AbortSignal.timeout: a timer that outlives its request keeps a Durable Object awake.
  const timer = setTimeout(() => {
    abort.abort(new DOMException("The answer did not come in time.", "TimeoutError"));
  }, bounds.timeoutMs);
  try {
    const response = await send(url, { ...init, redirect: "manual", signal: abort.signal });
    const { status, headers } = response;
    const bytes = await readAtMost(response.body, bounds.maxBytes);
    return { status, headers, text: bytes === null ? null : new TextDecoder().decode(bytes) };
  } finally {
    clearTimeout(timer);
  }
}

/** Reads a body, and stops as soon as it is larger than it may be: null. */
async function readAtMost(
  body: ReadableStream<Uint8Array> | null,
  max: number,
): Promise<Uint8Array | null> {
  if (body === null) return new Uint8Array();
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of body) {
    size += chunk.length;
    if (size > max) return null;
    chunks.push(chunk);
  }
  const bytes = new Uint8Array(size);
  let offset = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, offset);
    offset += chunk.length;
  }
  return bytes;
}

/** The JSON of an answer, or undefined when it is none. */
export function parseJson(text: string | null): unknown {
  if (text === null || text === "") return undefined;
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
