import { taken } from "../hub/core/carried.ts";
import { TURN_MS } from "../hub/core/flow.ts";
import { type Transport, factsOf } from "../hub/core/transport.ts";
import type { HubKind } from "../hub/kind.ts";
import { type ClientPosition, type ClientSide, hearCarried, type Heard } from "./client-side.ts";
import type { MemorySocket } from "./memory-platform.ts";
import { VirtualHub } from "./virtual-hub.ts";

type Event = Extract<Heard, { what: "event" }>;
type Snapshot = Extract<Heard, { what: "snapshot" }>;
/** From where on a client gets events: its own number, and by how much the hub's differ. */
type Start = { readonly number: number; readonly base: number };

type Token = { readonly sub: string; readonly exp: number; readonly scopes: readonly string[] };

/** How a suite is run. */
export type Setting = {
  /** What the Worker makes of the socket; absent: it is the client's own. */
  readonly transport?: Transport;
  /** Whose limits and journal apply. */
  readonly kind: HubKind;
};

/** What a suite does with a hub that speaks one dialect, and with the clients of it. */
export function dialectBench(client: ClientSide, { transport, kind }: Setting) {
  const { dialect, say } = client;
  const { isCarried, isAcknowledgedByWorker } = factsOf(transport);
  const hasState = dialect.snapshot !== undefined;
  const hear = (text: string): readonly Heard[] =>
    isCarried ? hearCarried(client, text) : client.hear(text);
  const newHub = (): VirtualHub => new VirtualHub({ ...kind, dialects: [dialect] });
  const heard = (socket: MemorySocket): Heard[] => socket.sent.flatMap(hear);
  const events = (socket: MemorySocket): Event[] =>
    heard(socket).filter((one): one is Event => one.what === "event");
  const snapshot = (socket: MemorySocket): Snapshot => {
    const found = heard(socket).find((one): one is Snapshot => one.what === "snapshot");
    if (found === undefined) throw new Error("no state was sent");
    return found;
  };
  /** Where a client begins that has just connected. */
  const start = (hub: VirtualHub, socket: MemorySocket): Start =>
    hasState ? snapshot(socket) : { number: hub.store.extent().head, base: 0 };
  /** The client shows that it has everything up to here, in the way that it has. */
  const show = async (hub: VirtualHub, socket: MemorySocket, number: number): Promise<void> => {
    if (dialect.takesTurns === true) await hub.pass(TURN_MS + 1);
    else if (say.acknowledge !== undefined) hub.hub.message(socket, say.acknowledge(number));
    else if (isAcknowledgedByWorker) hub.hub.message(socket, taken(number));
    else {
      // A ping counts for what was sent before it, and is looked for now and then.
      await hub.pass(1_001);
      socket.pingAt = hub.now;
      await hub.pass(5_000);
    }
  };
  /** Numbers of events in the hub's numbers. */
  const seqs = (socket: MemorySocket, base: number): number[] =>
    events(socket).map(({ number }) => number + base);
  const tokenOf = (sub: string, exp: number, scopes: readonly string[] = []): string =>
    JSON.stringify({ sub, exp, scopes });
  /** A client that has shown this token, at its position. */
  const identify = async (
    hub: VirtualHub,
    token: string,
    more: Partial<ClientPosition> & { readonly batch?: boolean } = {},
  ) => {
    const { sub, exp, scopes } = JSON.parse(token) as Token;
    const grants = scopes.map((scope) => `scope:${scope}`);
    const { scope } = client;
    const socket = await hub.join(hub.hub, { sub, exp, grants, scope, transport, ...more });
    if (typeof socket === "number") throw new Error(`refused with ${socket}`);
    return socket;
  };
  /** Why the dialect refuses what it does not have. */
  const nonsenseCode = (): string => {
    const read = dialect.read(say.nonsense());
    if (read.ok) throw new Error("the dialect has this frame");
    return read.error;
  };
  const soon = (hub: VirtualHub, seconds = 3_600): number => Math.floor(hub.now / 1_000) + seconds;
  const codeOf = (why: Parameters<typeof dialect.farewell>[0]): number =>
    dialect.farewell(why).code;

  return {
    newHub,
    identify,
    tokenOf,
    soon,
    start,
    show,
    hear,
    heard,
    events,
    snapshot,
    seqs,
    codeOf,
    nonsenseCode,
  };
}
