/** This machine: where the local services are. */
const LOOPBACK: ReadonlySet<string> = new Set(["127.0.0.1", "localhost", "[::1]"]);

/**
 * An address from outside that may become a link: https, and with nobody's name in it.
 * @returns null for every other, so that no `javascript:` ever becomes an `href`
 */
export function httpsLink(text: string | null): string | null {
  const url = parsed(text);
  return url?.protocol === "https:" ? url.href : null;
}

/** As {@link httpsLink}, or plain http on this machine: what the local services answer. */
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
