// The hubs that tests have beside those of guilds, reachable from outside: `GET /<hub>?sub=<user>` opens a socket at
// the hub of an account. Nobody is authenticated.
import { HANDOVER_HEADER, writeHandover } from "../../../src/hub/handover.ts";
export { SpaceHub, UserHub } from "../../../src/testing/hubs-worker.ts";

/** How long a session lasts, seconds. */
const LIFETIME = 86_400;

export default {
  /** @param {Request} request @param {{ USER_HUB: DurableObjectNamespace }} env */
  fetch(request, env) {
    const { pathname, searchParams } = new URL(request.url);
    const sub = searchParams.get("sub");
    if (sub === null) return new Response(null, { status: 404 });
    const hub = pathname.slice(1);
    const exp = Math.floor(Date.now() / 1_000) + LIFETIME;
    const identity = { sub, grants: [`sub:${sub}`], exp };
    const handover = writeHandover({ v: 1, hub, dialect: "opcode", batch: false, identity });
    const headers = { Upgrade: "websocket", [HANDOVER_HEADER]: handover };
    return env.USER_HUB.getByName(hub).fetch("https://hub/ws", { headers });
  },
};
