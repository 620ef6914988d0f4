import { clientNetwork } from "../../platform/client-network.ts";
import { systemClock } from "../../platform/clock.ts";
import {
  AUTHENTICATION_DEADLINE_MS,
  SOCKET_IO_CONNECT_DEADLINE_MS,
} from "../../protocol/limits.ts";
import type { Dialect } from "../core/dialect.ts";
import { resumePositionFrom } from "../core/resume.ts";
import type { HubEnv } from "../env.ts";
import type { Absorber, HubKind } from "../kind.ts";
import { AnonymousPlaces } from "./anonymous-places.ts";
import type { EdgeSocket } from "./edge-socket.ts";
import { enter, type Knock } from "./hand-over.ts";
import { type Language, serveBeforeAuth } from "./pre-auth.ts";
import type { ClientPlace } from "./edge-client.ts";
import { serveSocketIo, type SocketIoManners } from "./socket-io.ts";

/** Keeps work alive that the client's leaving would cancel (`waitUntil`). */
type KeepAlive = (work: Promise<unknown>) => void;

/** The places of this isolate. They are counts, so requests may share them. */
const places = new AnonymousPlaces();

/** A dialect that clients may speak who authenticate by their first frame, and the hubs that it is for. */
export type Offered = {
  readonly kind: HubKind;
  readonly dialect: Dialect;
  /** Whether the query of the upgrade asks for this dialect and no other. */
  readonly isAskedFor?: (query: URLSearchParams) => boolean;
};

/** How a client wants to be served, as its query says. */
export function optionsFrom(query: URLSearchParams): Pick<Knock, "batch" | "signals"> {
  return { batch: query.get("batch") === "1", signals: query.get("signals") === "1" };
}

/**
 * Accepts a WebSocket whose client says by its first frame who it is.
 * @returns the answer to its upgrade; null: too many of them wait or come at once
 */
export function acceptBare(
  request: Request,
  env: HubEnv,
  keepAlive: KeepAlive,
  offered: readonly [Offered, ...Offered[]],
): Response | null {
  const { searchParams: query } = new URL(request.url);
  const languageOf = ({ kind, dialect }: Offered): Language => ({
    dialect,
    limits: kind.limits,
    ping: kind.ping,
    ...absorbing(kind),
    enter: ({ token, resume: asked, about }) => {
      // A position in the frame wins over one in the query.
      const isInFrame = asked.epoch !== undefined || asked.seq !== undefined;
      return enter(env, kind, {
        token,
        about,
        hub: kind.parameter === undefined ? undefined : query.get(kind.parameter) || undefined,
        resume: isInFrame ? asked : resumePositionFrom(query),
        ...optionsFrom(query),
        dialect: dialect.name,
        edge: "pre-auth",
      });
    },
  });
  const asked = offered.find(({ isAskedFor }) => isAskedFor?.(query) === true);
  const [first, ...others] = asked === undefined ? offered : ([asked] as const);
  return accept(request, AUTHENTICATION_DEADLINE_MS, (client, waiting) =>
    serveBeforeAuth(client, [languageOf(first), ...others.map(languageOf)], {
      ...waiting,
      keepAlive,
    }),
  );
}

/**
 * Accepts a client of Socket.IO, or refuses one that speaks another version or transport, as Engine.IO does.
 * @param dialect one of the kind's, in packets of Socket.IO
 * @param manners where the kind's clients expect something else than those of the event stream
 * @returns the answer; null: too many of them wait or come at once
 */
export function acceptSocketIo(
  request: Request,
  env: HubEnv,
  keepAlive: KeepAlive,
  kind: HubKind,
  dialect: Dialect,
  manners?: SocketIoManners,
): Response | null {
  const { searchParams: query } = new URL(request.url);
  const refusal = refusalOf(request, query);
  if (refusal !== null) return Response.json(refusal, { status: 400 });
  return accept(request, SOCKET_IO_CONNECT_DEADLINE_MS, (client, waiting) =>
    serveSocketIo(client, {
      limits: kind.limits,
      dialect,
      ...(manners === undefined ? {} : { manners }),
      ...absorbing(kind),
      ...waiting,
      keepAlive,
      newId: () => crypto.randomUUID(),
      firstCall: crypto.getRandomValues(new Uint32Array(1))[0] ?? 0,
      enter: (auth, resume) => {
        const asked = kind.parameter === undefined ? undefined : auth[kind.parameter];
        return enter(env, kind, {
          token: auth.token,
          about: auth,
          hub: typeof asked === "string" ? asked : undefined,
          resume,
          batch: false,
          signals: auth["signals"] === true,
          dialect: dialect.name,
          edge: "socket-io",
        });
      },
    }),
  );
}

function absorbing({ absorber }: HubKind): { readonly absorb?: Absorber } {
  return absorber === undefined ? {} : { absorb: absorber(systemClock) };
}

/** Engine.IO's own codes and words, which its clients show. */
function refusalOf(
  request: Request,
  query: URLSearchParams,
): { readonly code: number; readonly message: string } | null {
  if (query.get("EIO") !== "4") return { code: 5, message: "Unsupported protocol version" };
  if (query.get("transport") !== "websocket") return { code: 0, message: "Transport unknown" };
  // It belongs to a session of another transport, from which this one would be an upgrade.
  if (query.has("sid")) return { code: 1, message: "Session ID unknown" };
  if (request.method !== "GET") return { code: 2, message: "Bad handshake method" };
  const isUpgrade = request.headers.get("Upgrade")?.toLowerCase() === "websocket";
  return isUpgrade ? null : { code: 3, message: "Bad request" };
}

function accept(
  request: Request,
  ms: number,
  serve: (client: EdgeSocket, place: ClientPlace) => void,
): Response | null {
  const address = clientNetwork(request.headers.get("CF-Connecting-IP") ?? undefined);
  const place = places.take(address, systemClock(), ms);
  if (place === null) return null;
  const { 0: client, 1: server } = new WebSocketPair();
  serve(server, {
    leave: () => places.leave(place),
    closing: () => places.closing(place, systemClock()),
  });
  return new Response(null, { status: 101, webSocket: client });
}
