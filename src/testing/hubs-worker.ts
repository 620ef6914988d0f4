import { z } from "zod";
import type { HubEnv, HubRpc } from "../hub/env.ts";
import { Hub } from "../hub/hub.ts";
import type { HubKind } from "../hub/kind.ts";
import { GUILD_STREAM } from "../hub/guild-kind.ts";
import { CONNECTIONS } from "../platform/http/limit-user.ts";
import { err, ok } from "../platform/result.ts";
import { GUILD_DIALECT } from "../hub/dialects/guild.ts";
import { SOCKET_IO_DIALECT } from "../hub/dialects/socket-io.ts";
import { acceptBare, acceptSocketIo } from "../hub/edge/accept.ts";
export { RateLimiter } from "../platform/rate-limiter.ts";
import { desk, DESK_EVENTS, FAULTY_TOKEN } from "./desk-extension.ts";
import { OPCODE_DIALECT } from "./opcode-dialect.ts";

/** The bindings of `hubs.wrangler.toml`. */
export type HubsEnv = HubEnv & {
  readonly USER_HUB: DurableObjectNamespace<HubRpc>;
  readonly SPACE_HUB: DurableObjectNamespace<HubRpc>;
};

/** What a client says of itself, beside its token: in its first frame, or in its CONNECT packet. */
const About = z.object({ client: z.unknown() }).catch({ client: undefined });

/** A token of these hubs is `<sub>` or `<sub>@<hub>`, so that a test can forge one. Without a hub: its own. */
const authenticate: HubKind["authenticate"] = async (_, token, now, asked, about) => {
  const [sub = "", of = asked ?? sub] = token.split("@", 2);
  if (sub === "") return err("unauthorized");
  if (token === FAULTY_TOKEN) throw new Error("the check is broken");
  const hub = asked ?? of;
  const { client: scope } = About.parse(about);
  const identity = {
    sub,
    grants: [`sub:${sub}`],
    exp: Math.floor(now / 1_000) + 3_600,
    ...(scope === undefined ? {} : { scope }),
  };
  return of === hub ? ok({ hub, identity }) : err("forbidden");
};

/** Hubs of accounts, in two languages. */
const USER_KIND: HubKind = {
  ...GUILD_STREAM,
  name: "user",
  dialects: [OPCODE_DIALECT, GUILD_DIALECT, SOCKET_IO_DIALECT],
  limits: { ...GUILD_STREAM.limits, socketsPerUser: 3 },
  hubs: (env) => (env as HubsEnv).USER_HUB,
  authenticate,
  connects: CONNECTIONS,
  isAlwaysServed: () => true,
};

/** Hubs of spaces: another language, and a journal of a few events. */
const SPACE_KIND: HubKind = {
  ...USER_KIND,
  name: "space",
  dialects: [OPCODE_DIALECT],
  journal: { ...GUILD_STREAM.journal, maxEvents: 3 },
  hubs: (env) => (env as HubsEnv).SPACE_HUB,
};

const PARTS = { extensions: [desk], events: DESK_EVENTS };

/** The hub of an account, with the test's extension. */
export class UserHub extends Hub {
  constructor(ctx: DurableObjectState, env: HubsEnv) {
    super(ctx, env, USER_KIND, PARTS);
  }
}

/** The hub of a space, with the test's extension. */
export class SpaceHub extends Hub {
  constructor(ctx: DurableObjectState, env: HubsEnv) {
    super(ctx, env, SPACE_KIND, PARTS);
  }
}

/** What clients may speak on `/ws`: accounts in the native dialect, and spaces where the server speaks first. */
const OFFERED = [
  { kind: USER_KIND, dialect: GUILD_DIALECT },
  {
    kind: SPACE_KIND,
    dialect: OPCODE_DIALECT,
    isAskedFor: (query: URLSearchParams) => query.has("v") || query.has("encoding"),
  },
] as const;

export default {
  fetch(request, env, ctx) {
    const keepAlive = (work: Promise<unknown>): void => ctx.waitUntil(work);
    const { pathname } = new URL(request.url);
    const unavailable = new Response(null, { status: 503 });
    switch (pathname) {
      case "/ws":
        return acceptBare(request, env, keepAlive, OFFERED) ?? unavailable;
      case "/socket.io":
      case "/socket.io/":
        return acceptSocketIo(request, env, keepAlive, USER_KIND, SOCKET_IO_DIALECT) ?? unavailable;
      default:
        return new Response(null, { status: 404 });
    }
  },
} satisfies ExportedHandler<HubsEnv>;
