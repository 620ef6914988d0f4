import type { Hono } from "hono";
import { z } from "zod";
import type { Clock } from "../../src/platform/clock.ts";
import { ok, type Result } from "../../src/platform/result.ts";
import {
  controlApi,
  type ControlOutcome,
  DONE,
  Milliseconds,
  noSuch,
  onDelete,
  onGet,
  onPost,
} from "../doubles/control.ts";
import type { CallFaults } from "../doubles/faults.ts";
import { DataApiFault } from "./data-api.ts";
import {
  type MatchRecord,
  Move,
  NewMatch,
  PlayerName,
  type SideRecord,
  Substitution,
  Version,
} from "./model.ts";
import { EVENT_OF_STATUS, matchPayload, webhookBody } from "./webhook-body.ts";
import type { Outgoing, WebhookSender } from "./webhook-sender.ts";
import type { World } from "./world.ts";

const CREATED = "match_object_created";
/** A match can be created in these. For any other it is created in CHECK_IN and moved. */
const FIRST_STATUSES: ReadonlySet<string> = new Set(["SCHEDULED", "CREATED", "CHECK_IN"]);
const DEMO_READY = "match_demo_ready";

const PlayerBody = z.strictObject({ nickname: PlayerName, playerId: z.uuid().optional() });
const WebhookBody = z.strictObject({
  event: z.string().min(1).max(100),
  matchId: z.string().min(1).max(100).optional(),
  duplicate: z.int().min(1).max(1_000).default(1),
  delayMs: Milliseconds.default(0),
  secret: z.string().max(1_000).nullable().optional(),
  version: Version.optional(),
  eventId: z.string().min(1).max(100).optional(),
  body: z.union([z.string(), z.looseObject({})]).optional(),
});
const ApiBody = DataApiFault.extend({ times: z.int().min(0).max(100_000) });
const HoldBody = z.strictObject({ hold: z.boolean() });

/** A webhook by hand. Without `matchId` it is about the newest match; `body` is sent unchanged. */
export type HandmadeWebhook = z.input<typeof WebhookBody>;

export interface ControlPorts {
  readonly world: World;
  readonly sender: WebhookSender;
  readonly faults: CallFaults<DataApiFault>;
  readonly clock: Clock;
  /** A random UUID. */
  readonly newId: () => string;
  /** The URL that gets the webhooks. */
  readonly webhookUrl: string;
}

/** `/_control`: lets a test or the page do what the real FACEIT does not offer. */
export function createControlApi(ports: ControlPorts): Hono {
  const { world, sender, faults } = ports;
  return controlApi([
    onGet("/state", () => controlState(ports)),

    onPost("/players", PlayerBody, ({ nickname, playerId }) => {
      const player = world.putPlayer(nickname, playerId);
      return player.ok
        ? ok({ playerId: player.value.id, nickname: player.value.nickname })
        : player;
    }),

    onPost("/matches", NewMatch, ({ silent, status, ...wanted }) => {
      const isFirst = FIRST_STATUSES.has(status);
      const created = world.createMatch({ ...wanted, status: isFirst ? status : "CHECK_IN" });
      if (!created.ok) return created;
      if (!silent) sender.send(newWebhook(ports, CREATED, created.value));
      if (isFirst) return ok(matchView(created.value, world));
      return moved(ports, world.move(created.value, { status, forfeit: false }), silent);
    }),
    onDelete("/matches/:id", (id) => (world.deleteMatch(id) ? DONE : noSuch("match"))),
    onPost("/matches/:id/status", Move, ({ silent, ...move }, id) => {
      const match = world.matches.get(id);
      if (match === undefined) return noSuch("match");
      return moved(ports, world.move(match, move), silent);
    }),
    onPost("/matches/:id/roster", Substitution, ({ faction, ...players }, id) => {
      const match = world.matches.get(id);
      if (match === undefined) return noSuch("match");
      return moved(ports, world.substitute(match, faction, players), true);
    }),

    onPost("/webhook", WebhookBody, (body) => sendByHand(ports, body)),
    onPost("/api", ApiBody, ({ times, ...fault }) => {
      faults.set(fault, { times });
      return DONE;
    }),
    onPost("/hold", HoldBody, ({ hold }) => {
      sender.hold(hold);
      return DONE;
    }),
  ]);
}

/** The whole state of this FACEIT. */
export function controlState({ world, sender, webhookUrl: url }: ControlPorts) {
  return {
    accounts: [...world.players.values()].map(({ id, nickname, skillLevel }) => ({
      playerId: id,
      nickname,
      skillLevel,
    })),
    matches: [...world.matches.values()].map((match) => matchView(match, world)),
    deliveries: sender.deliveries.map(
      ({ event, eventId, matchId, version, state, status, attempts }) => {
        return { url, event, eventId, matchId, version, state, status, attempts };
      },
    ),
    hold: sender.holds,
  };
}

/** Sends a webhook with faults: late, several times, about an unknown match, or with a wrong secret. */
function sendByHand(ports: ControlPorts, webhook: z.infer<typeof WebhookBody>): ControlOutcome {
  const { world, sender } = ports;
  const { event, duplicate, delayMs, secret } = webhook;
  const newest = [...world.matches.keys()].at(-1);
  let match = world.matches.get(webhook.matchId ?? newest ?? "");
  if (match !== undefined && event === DEMO_READY) match = world.publishDemo(match);
  if (match === undefined) {
    const drafted = world.draftMatch({ status: "CHECK_IN" }, webhook.matchId);
    if (!drafted.ok) return drafted;
    match = drafted.value;
  }
  const shown = { ...match, version: webhook.version ?? match.version };
  const usual = newWebhook(ports, event, shown, webhook.eventId);
  const own = typeof webhook.body === "object" ? JSON.stringify(webhook.body) : webhook.body;
  for (let copy = 0; copy < duplicate; copy += 1) {
    sender.send({ ...usual, body: own ?? usual.body, secret, delayMs });
  }
  const { eventId, matchId, version } = usual;
  return ok({ eventId, matchId, version, copies: duplicate });
}

/** Answers a change of a match, and sends the webhook of its status unless silent. */
function moved(
  ports: ControlPorts,
  change: Result<MatchRecord, string>,
  silent: boolean,
): ControlOutcome {
  if (!change.ok) return change;
  const event = EVENT_OF_STATUS[change.value.status];
  if (event !== undefined && !silent) ports.sender.send(newWebhook(ports, event, change.value));
  return ok(matchView(change.value, ports.world));
}

function newWebhook(
  ports: ControlPorts,
  event: string,
  match: MatchRecord,
  eventId = ports.newId(),
): Outgoing {
  const { id: matchId, version } = match;
  const payload = matchPayload(event, match, ports.world);
  const ids = { eventId, transactionId: ports.newId() };
  const body = webhookBody(event, payload, ids, ports.clock());
  return { event, eventId, matchId, version, body };
}

/** A match with its players. */
export function matchView(match: MatchRecord, world: World) {
  const side = (record: SideRecord) => ({
    name: record.name,
    players: world.playersOf(record).map(({ id, nickname }) => ({ playerId: id, nickname })),
  });
  return {
    matchId: match.id,
    version: match.version,
    status: match.status,
    organizerId: match.organizerId,
    competition: match.competition,
    map: match.map,
    factions: { faction1: side(match.sides.faction1), faction2: side(match.sides.faction2) },
    demoUrl: match.demoUrl,
    createdAt: new Date(match.createdAt).toISOString(),
    updatedAt: new Date(match.updatedAt).toISOString(),
  };
}
