import type { Area } from "../hub/area.ts";
import type { HubRpc } from "../hub/env.ts";
import { GUILD_STREAM } from "../hub/guild-kind.ts";
import { HANDOVER_HEADER, type Handover, readHandover } from "../hub/handover.ts";
import type { HubKind } from "../hub/kind.ts";
import { pathsBelow } from "../platform/http/areas.ts";
import { CONNECTIONS } from "../platform/http/limit-user.ts";
import { PROBLEM_DIALECT } from "../platform/http/problem-dialect.ts";
import { err, ok } from "../platform/result.ts";
import { OPCODE_DIALECT } from "./opcode-dialect.ts";

/** The only hub of this area. */
export const SPACE = "lounge";

/** A client that was handed over to a hub: its name, how it is to be served, and the hub's end of its socket. */
export type Arrived = {
  readonly hub: string;
  readonly handover: Handover;
  readonly socket: WebSocket;
};

/**
 * An area whose clients connect on `/ws`, in a dialect and to hubs of their own.
 * @returns `arrived` has the clients that its hubs were given
 */
export function spacesArea(): { readonly area: Area; readonly arrived: Arrived[] } {
  const arrived: Arrived[] = [];
  const kind: HubKind = {
    ...GUILD_STREAM,
    name: "space",
    dialects: [OPCODE_DIALECT],
    hubs: () => hubsThatKeep(arrived),
    authenticate: async (_, sub, now) =>
      sub === ""
        ? err("unauthorized")
        : ok({ hub: SPACE, identity: { sub, grants: [], exp: Math.floor(now / 1_000) + 3_600 } }),
    connects: CONNECTIONS,
    isAlwaysServed: () => true,
  };
  const isAskedFor = (query: URLSearchParams): boolean => query.has("v") || query.has("encoding");
  const area: Area = {
    ...PROBLEM_DIALECT,
    name: "spaces",
    hubs: [kind.name],
    owns: pathsBelow("/spaces"),
    tags: [],
    events: [],
    mount: () => {},
    bare: [{ kind, dialect: OPCODE_DIALECT, isAskedFor }],
  };
  return { area, arrived };
}

/** Hubs that take every client, and say nothing. */
function hubsThatKeep(arrived: Arrived[]): DurableObjectNamespace<HubRpc> {
  const hubOf = (hub: string) => ({
    fetch: async (_: string, { headers }: { readonly headers: Record<string, string> }) => {
      const handover = readHandover(headers[HANDOVER_HEADER] ?? null);
      if (handover === null) return new Response(null, { status: 503 });
      const { 0: webSocket, 1: socket } = new WebSocketPair();
      socket.accept();
      arrived.push({ hub, handover, socket });
      return new Response(null, { status: 101, webSocket });
    },
  });
  return { getByName: hubOf } as unknown as DurableObjectNamespace<HubRpc>;
}
