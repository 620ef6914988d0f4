import { systemClock, systemTimer } from "../../platform/clock.ts";
import { takeOf } from "../../platform/http/limit-user.ts";
import { log } from "../../platform/log.ts";
import { err, ok, type Result } from "../../platform/result.ts";
import type { CloseName } from "../../protocol/close-codes.ts";
import type { ResumePosition } from "../core/resume.ts";
import { type HubEnv, isHubName, relayName } from "../env.ts";
import { type Handover, HANDOVER_HEADER, writeHandover } from "../handover.ts";
import type { HubKind } from "../kind.ts";
import { askPlacementAgain, placeOf } from "../placement-cache.ts";
import { CLIENT_LOST, close, type EdgeSocket } from "./edge-socket.ts";

/**
 * Why a hub does not take a client: its ticket or token was used or revoked, no hub may have this name, or the hub
 * takes nobody now.
 */
export type NotTaken = "unauthorized" | "forbidden" | "unavailable";

/**
 * Hands a client over to its hub, or to one of its relays.
 * @param client aborts when the client leaves; absent: somebody else closes the socket then
 * @returns the hub's answer, with the socket
 */
export async function handOver(
  env: HubEnv,
  kind: Pick<HubKind, "name" | "hubs" | "relays">,
  handover: Handover,
  client?: AbortSignal,
): Promise<Result<Response, NotTaken>> {
  const { hub: name, relay } = handover;
  // An object with such a name could not start, and the client would come back for ever.
  if (!isHubName(name)) return err("forbidden");
  const relays = relay === undefined ? undefined : kind.relays?.(env);
  const object =
    relays === undefined || relay === undefined
      ? kind.hubs(env).getByName(name)
      : relays.getByName(relayName(name, relay));
  // A request of our own, so that nothing else of the client's request reaches the hub.
  const headers = { Upgrade: "websocket", [HANDOVER_HEADER]: writeHandover(handover) };
  try {
    const answer = await object.fetch("https://hub/", { headers });
    if (answer.status === 101) {
      // Nobody would ever close the hub's socket.
      if (client?.aborted === true) closeUnused(answer);
      return ok(answer);
    }
    if (answer.status === 401) return err("unauthorized");
    if (answer.status === 503) askPlacementAgain(kind, name);
  } catch (error) {
    // The hub restarts or is overloaded. The client comes back.
    log("warn", "hub.unreachable", { kind: kind.name, hub: name, error });
  }
  return err("unavailable");
}

/**
 * Looks once more whether the client of an upgrade is there, when its answer is all that is left to do. workerd learns
 * of a reset between two turns of its event loop. If it has answered before that, it never tells anybody that this
 * client is gone, and a hub would count it for as long as its token is valid (HUB-30).
 * @param client aborts when the client leaves
 * @returns the answer
 */
export async function lookAgain(answer: Response, client: AbortSignal): Promise<Response> {
  if (answer.status !== 101) return answer;
  await new Promise<void>((resolve) => {
    systemTimer(0, resolve);
  });
  if (client.aborted) closeUnused(answer);
  return answer;
}

function closeUnused({ webSocket }: Response): void {
  if (webSocket === null) return;
  webSocket.accept();
  close(webSocket, CLIENT_LOST);
}

/** Who says by its first frame who it is, and how it wants to be served. */
export type Knock = Pick<Handover, "batch" | "signals" | "dialect" | "edge"> & {
  readonly token: string;
  /** The hub that it asks for; undefined: the one that its kind chooses. */
  readonly hub?: string | undefined;
  readonly resume: ResumePosition;
  /** What it says of itself, for its kind of hub. */
  readonly about?: unknown;
};

/**
 * Lets a client in that names itself after the upgrade: checks its token, counts the connection for its user, and
 * opens a socket to its hub. Never rejects.
 * @returns the hub's socket, or why not, as the name of a close code
 */
export async function enter(
  env: HubEnv,
  kind: HubKind,
  { token, hub: asked, resume, about, ...options }: Knock,
): Promise<Result<EdgeSocket, CloseName>> {
  try {
    const admitted = await kind.authenticate(env, token, systemClock(), asked, about);
    if (!admitted.ok) return admitted;
    const { hub, identity, countedAs = identity.sub } = admitted.value;
    const counted = await takeOf(env, kind.connects, countedAs);
    if (!counted.allowed) return err("overloaded");
    const place = await placeOf(kind, env, hub, identity.sub);
    const taken = await handOver(env, kind, {
      v: 1,
      ...options,
      ...resume,
      hub,
      identity,
      ...place,
    });
    if (!taken.ok) return err(taken.error === "unavailable" ? "overloaded" : taken.error);
    const { webSocket } = taken.value;
    return webSocket === null ? err("overloaded") : ok(webSocket);
  } catch (error) {
    log("error", "hub.not_entered", { kind: kind.name, error });
    return err("overloaded");
  }
}
