import { z } from "zod";
import type { HubPublisher, IncomingEvent } from "../hub/publisher.ts";
import { requestIds, type RequestIds } from "../platform/request-ids.ts";
import { err, ok, type Result } from "../platform/result.ts";
import {
  GatewayHeartbeat,
  isPossibleEpoch,
  SIGNED_EVENT_PAYLOADS,
  SignedBatch,
  SignedEvent,
  type SignedEventsResult,
} from "../protocol/signed-events.ts";
import { type GuildEvent, readVoiceEvent } from "./voice-event.ts";

/** Why signed events were not accepted. Events before the failure stay accepted (rooms.md §4). */
export type SignedEventsFailure =
  | { readonly kind: "invalid"; readonly detail: string }
  | { readonly kind: "stale_publisher"; readonly guildId: string }
  | { readonly kind: "future_epoch"; readonly guildId: string }
  | { readonly kind: "gap"; readonly guildId: string; readonly expected: number }
  | { readonly kind: "hold"; readonly retryAfterMs: number };

/** The receivers of signed events: heartbeats go to the monitor, all others to hubs. */
export type SignedEventsPorts = {
  readonly hub: Pick<HubPublisher, "ingest">;
  readonly monitor: {
    heartbeat(beat: GatewayHeartbeat, ids: RequestIds | undefined): Promise<void>;
  };
  /** Milliseconds since 1970. */
  readonly now: () => number;
};

/** At module level, because creating a schema costs more than using it. */
const AnyBatch = z.object({ events: z.unknown() });

type Refusal = SignedEventsResult["refused"][number];

/** The result of checking one event of a body. */
type Checked =
  | { readonly kind: "heartbeat"; readonly beat: GatewayHeartbeat }
  | ({ readonly kind: "event" } & GuildEvent)
  /** `position` goes to the hub, so that the refused event's `seq` leaves no gap before later events. */
  | {
      readonly kind: "refused";
      readonly code: string;
      readonly detail: string;
      readonly position?: GuildEvent;
    };

/**
 * Accepts a body of `POST /internal/events` with a valid signature: one event or a batch (rooms.md §4).
 * In a batch an invalid event is refused by itself; an invalid single event is a failure.
 */
export async function takeSignedEvents(
  { hub, monitor, now }: SignedEventsPorts,
  body: unknown,
): Promise<Result<SignedEventsResult, SignedEventsFailure>> {
  const isBatch = AnyBatch.safeParse(body).success;
  const batch = isBatch ? SignedBatch.safeParse(body) : null;
  if (batch?.success === false) return err({ kind: "invalid", detail: describe(batch.error) });
  const checked = (batch === null ? [body] : batch.data.events).map(checkEvent);

  const guilds = byGuild(checked);
  for (const [guildId, events] of guilds) {
    const ahead = events.some(({ epoch }) => epoch !== undefined && !isPossibleEpoch(epoch, now()));
    if (ahead) return err({ kind: "future_epoch", guildId });
  }

  let accepted = 0;
  let duplicates = 0;
  for (const one of checked) {
    if (one.kind !== "heartbeat") continue;
    await monitor.heartbeat(one.beat, requestIds());
    accepted += 1;
  }
  for (const [guildId, events] of guilds) {
    const result = await hub.ingest(guildId, events);
    switch (result.kind) {
      case "done":
        accepted += result.accepted;
        duplicates += result.duplicates;
        break;
      case "stale_publisher":
        return err({ kind: "stale_publisher", guildId });
      case "gap":
        return err({ kind: "gap", guildId, expected: result.expected });
      case "hold":
        return err(result);
    }
  }

  const [single] = checked;
  if (!isBatch && single?.kind === "refused")
    return err({ kind: "invalid", detail: single.detail });
  const refused = checked.flatMap((one, index): Refusal[] =>
    one.kind === "refused" ? [{ index, code: one.code }] : [],
  );
  return ok({ ok: true, accepted, duplicates, refused });
}

function checkEvent(value: unknown): Checked {
  const ofVoice = readVoiceEvent(value);
  if (ofVoice !== null) return { kind: "event", ...ofVoice };
  const parsed = SignedEvent.safeParse(value);
  if (!parsed.success) {
    return { kind: "refused", code: "invalid_event", detail: describe(parsed.error) };
  }
  const { id, event, payload, ts, epoch, seq, trace } = parsed.data;
  const { guildId } = payload;
  const outside = {
    event,
    ...(id === undefined ? {} : { id }),
    ...(ts === undefined ? {} : { ts }),
    ...(epoch === undefined ? {} : { epoch }),
    ...(seq === undefined ? {} : { seq }),
    ...(trace === undefined ? {} : { trace }),
  };
  const refuse = (code: string, detail: string): Checked => ({
    kind: "refused",
    code,
    detail,
    position: { guildId, event: { ...outside, payload: {}, refused: true } },
  });
  const schema = SIGNED_EVENT_PAYLOADS.get(event);
  if (schema === undefined) return refuse("unknown_event", `The event ${event} is not known.`);
  const checkedPayload = schema.safeParse(payload);
  if (!checkedPayload.success) return refuse("invalid_payload", describe(checkedPayload.error));
  if (event === "gateway.heartbeat") {
    return { kind: "heartbeat", beat: GatewayHeartbeat.parse(checkedPayload.data) };
  }
  // The parsed payload has only the schema's fields, so no others reach clients.
  return { kind: "event", guildId, event: { ...outside, payload: checkedPayload.data } };
}

/** The events of each guild, in the order of the body. */
function byGuild(checked: readonly Checked[]): Map<string, IncomingEvent[]> {
  const guilds = new Map<string, IncomingEvent[]>();
  for (const one of checked) {
    const part = one.kind === "event" ? one : one.kind === "refused" ? one.position : undefined;
    if (part === undefined) continue;
    const events = guilds.get(part.guildId) ?? [];
    events.push(part.event);
    guilds.set(part.guildId, events);
  }
  return guilds;
}

function describe(error: z.ZodError): string {
  const [first] = error.issues;
  const where = first === undefined ? "" : first.path.join(".");
  return `${where === "" ? "The body" : where}: ${first?.message ?? "is not valid"}.`;
}
