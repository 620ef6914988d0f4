/** Host names of this machine, where the local services run. */
const LOOPBACK: ReadonlySet<string> = new Set(["127.0.0.1", "localhost", "[::1]"]);

/**
 * A URL from outside that may become a link: https, and without credentials.
 * @returns null for any other, so that no `javascript:` URL ever becomes an `href`
 */
export function httpsLink(text: string | null): string | null {
  const url = parsed(text);
  return url?.protocol === "https:" ? url.href : null;
}

/** Like {@link httpsLink}, but also allows plain http on this machine, for the local services. */
export function localLink(text: string): string | null {
  const url = parsed(text);
  const local = url?.protocol === "http:" && LOOPBACK.has(url.hostname);
  return local ? url.href : httpsLink(text);
}

function parsed(text: string | null): URL | null {
  if (text === null || !URL.canParse(text)) return null;
  const url = new URL(text);
  return url.username === "" && url.password === "" ? url : null;
}
