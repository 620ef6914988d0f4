import { z } from "zod";
import { FaceitId } from "../../protocol/match.ts";
import { shownText } from "../../protocol/shown-text.ts";
import { type FaceitConfig, guildOfOwners } from "./config.ts";
import type { DeliveredHint } from "./env.ts";
import { httpsUrl, readRosters, Team } from "./faceit-match.ts";
import { DEMO_EVENT, STATUS_OF_EVENT } from "./room/hint.ts";

const Envelope = z.object({ event: z.string().min(1).max(100) });

/** The fields that we read of a webhook about a match (§A3). */
const MatchWebhook = z.object({
  event: z.string(),
  event_id: z.string().min(1).max(128),
  payload: z.object({
    id: FaceitId,
    organizer_id: z.string().nullish().catch(null),
    region: z.unknown().optional(),
    game: z.unknown().optional(),
    version: z.number().int().min(0).catch(0),
    entity: z
      .object({ id: z.string().nullish().catch(null), name: z.unknown().optional() })
      .nullish()
      .catch(null),
    teams: z.array(Team).nullish().catch(null),
    demo_url: z.unknown().optional(),
  }),
});

/** The result of reading a webhook. */
export type Webhook =
  /** An event that we do not use, or of a match that is not ours. */
  | { readonly kind: "ignored" }
  | { readonly kind: "invalid"; readonly detail: string }
  | ({ readonly kind: "match" } & DeliveredHint);

/** Reads a webhook whose secret was checked. Its contents are only a hint: FACEIT does not sign them. */
export function readWebhook(
  body: unknown,
  config: Pick<FaceitConfig, "organizers">,
  primaryGuildId: string,
): Webhook {
  const envelope = Envelope.safeParse(body);
  if (!envelope.success)
    return { kind: "invalid", detail: "event: the name of the event is missing." };
  const { event } = envelope.data;
  const status = event === DEMO_EVENT ? "FINISHED" : STATUS_OF_EVENT.get(event);
  if (status === undefined) return { kind: "ignored" };
  const webhook = MatchWebhook.safeParse(body);
  if (!webhook.success) {
    const [issue] = webhook.error.issues;
    return { kind: "invalid", detail: `${issue?.path.join(".") ?? ""}: ${issue?.message ?? ""}.` };
  }
  const { event_id: eventId, payload } = webhook.data;
  const owners = [payload.entity?.id, payload.organizer_id].flatMap((id) => id ?? []);
  const guildId = guildOfOwners(owners, config, primaryGuildId);
  if (guildId === null) return { kind: "ignored" };
  const [faction1, faction2] = payload.teams ?? [];
  return {
    kind: "match",
    eventId,
    guildId,
    hint: {
      event,
      match: {
        matchId: payload.id,
        owners,
        version: payload.version,
        status,
        game: shownText(payload.game, 40),
        region: shownText(payload.region, 40),
        competition: shownText(payload.entity?.name, 100),
        map: null,
        bestOf: null,
        url: null,
        demoUrl: httpsUrl(payload.demo_url),
        scheduledAt: null,
        // The first team is faction1 by convention; used only without the Data API (§A3).
        rosters: readRosters(faction1, faction2),
      },
    },
  };
}
