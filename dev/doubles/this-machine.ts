import type { IncomingHttpHeaders, RequestListener } from "node:http";
import { isIP } from "node:net";

const LOCAL_ORIGIN = /^http:\/\/(?:127\.0\.0\.1|localhost)(?::\d+)?$/;

/** Whether this is the origin of a page of this machine. */
export function isLocalOrigin(origin: string): boolean {
  return LOCAL_ORIGIN.test(origin);
}

/**
 * Whether a request was sent to this machine by its address, or by a name that nobody on the internet can
 * have. A name there may suddenly mean this machine (DNS rebinding): its page then reads and does here
 * what it likes, since to the browser that is its own site.
 */
export function isForThisMachine({ host }: IncomingHttpHeaders): boolean {
  // Browsers always send it.
  if (host === undefined) return true;
  const hostname = URL.parse(`http://${host}`)?.hostname;
  if (hostname === undefined) return false;
  return isIP(hostname.replace(/^\[|\]$/g, "")) !== 0 || !hostname.includes(".");
}

/** Refuses what is not for this machine: the outermost layer of each double. */
export function onlyForThisMachine(listener: RequestListener): RequestListener {
  return (request, response) => {
    if (isForThisMachine(request.headers)) {
      listener(request, response);
      return;
    }
    request.resume();
    response.writeHead(403, { "content-type": "application/json" });
    response.end(JSON.stringify({ error: "this service of the local stack has no such name" }));
  };
}
