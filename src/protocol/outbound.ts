/** Our `User-Agent`. Discord and the proxy in front of it require this form (discord.md §2). */
export const USER_AGENT = "DiscordBot (https://guildhub.example, 0.1.0)";

/** Sends a request: `fetch`, or a double in tests. */
export type Fetch = (url: string, init: RequestInit) => Promise<Response>;

/** The answer of a server that is not ours. */
export type OutboundAnswer = {
  readonly status: number;
  readonly headers: Headers;
  /** Null: the body is larger than `maxBytes`. */
  readonly text: string | null;
};

/**
 * Sends one request, bounded in time and size. The requests of the Worker, the container and the tools to other
 * servers use it. Redirects are not followed, so that a token, a code or a signed body is never sent elsewhere.
 * @param init its `signal` ends the request earlier
 * @param bounds milliseconds until the whole answer must have arrived, and bytes that its body may have
 * @throws when the connection is lost, or the time is up (`TimeoutError`)
 */
export async function askOutside(
  url: string,
  init: RequestInit,
  bounds: { readonly timeoutMs: number; readonly maxBytes: number },
  // `fetch` is looked up at each call, because tests replace it.
  send: Fetch = (to, what) => fetch(to, what),
): Promise<OutboundAnswer> {
  const abort = new AbortController();
  // Not AbortSignal.timeout: its timer would outlive the request and keep a Durable Object awake.
  const timer = setTimeout(() => {
    abort.abort(new DOMException("The answer did not come in time.", "TimeoutError"));
  }, bounds.timeoutMs);
  try {
    const signal = init.signal ? AbortSignal.any([init.signal, abort.signal]) : abort.signal;
    const response = await send(url, { ...init, redirect: "manual", signal });
    const { status, headers } = response;
    const bytes = await readAtMost(response.body, bounds.maxBytes);
    return { status, headers, text: bytes === null ? null : new TextDecoder().decode(bytes) };
  } finally {
    clearTimeout(timer);
  }
}

/** Reads a body. It stops and returns null as soon as the body is larger than allowed. */
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

/** The JSON of an answer, or undefined when the text is not JSON. */
export function parseJson(text: string | null): unknown {
  if (text === null || text === "") return undefined;
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
