import { z } from "zod";
import { systemClock, type Clock } from "../../../platform/clock.ts";
import { GrowingPause } from "../../../platform/growing-pause.ts";
import { askOutside, type OutboundAnswer, parseJson } from "../../../protocol/outbound.ts";
import { err, ok, type Result } from "../../../platform/result.ts";
import {
  FACEIT_ANSWER_MAX_BYTES,
  FACEIT_TIMEOUT_MS,
  MATCH_DEMOS_MAX,
  OUTSIDE_PAUSE_MAX_MS,
} from "../../../protocol/limits.ts";
import { FaceitId } from "../../../protocol/match.ts";
import { retryAfterMs } from "../../../protocol/retry-after.ts";
import { shownText } from "../../../protocol/shown-text.ts";
import type { FaceitConfig } from "../config.ts";
import { type FaceitMatch, httpsUrl, readRosters, Team } from "../faceit-match.ts";
import type { FaceitApi, FaceitFailure } from "../ports.ts";

/** Refusals of the key in a row that open the circuit breaker, and for how long, milliseconds (§A2). */
const REFUSALS_MAX = 3;
const REFUSED_PAUSE_MS = 60_000;
/** The first pause after a 429 without `Retry-After`, milliseconds. */
const FIRST_PAUSE_MS = 2_000;

const Seconds = z.number().min(0).nullish().catch(null);

/** The fields that we read of a match (§A2). Fields that no action depends on may be malformed. */
const MatchAnswer = z.object({
  match_id: FaceitId,
  version: z.number().int().min(0).catch(0),
  status: z.string().min(1).max(40),
  game: z.unknown().optional(),
  region: z.unknown().optional(),
  competition_id: z.string().nullish().catch(null),
  organizer_id: z.string().nullish().catch(null),
  competition_name: z.unknown().optional(),
  best_of: z.number().int().nullish().catch(null),
  faceit_url: z.unknown().optional(),
  demo_url: z.array(z.unknown()).nullish().catch(null),
  scheduled_at: Seconds,
  teams: z.object({ faction1: Team, faction2: Team }).nullish().catch(null),
  voting: z
    .object({ map: z.object({ pick: z.array(z.unknown()) }) })
    .nullish()
    .catch(null),
});
const PlayerAnswer = z.object({ player_id: FaceitId, nickname: z.unknown().optional() });

/** Refusals and pauses of our key, by configuration. In memory only: losing it costs one more request. */
type Breaker = { refusals: number; until: number; readonly pause: GrowingPause };
const breakers = new WeakMap<object, Breaker>();

function newBreaker(): Breaker {
  const pause = new GrowingPause({ firstMs: FIRST_PAUSE_MS, mostMs: OUTSIDE_PAUSE_MAX_MS });
  return { refusals: 0, until: 0, pause };
}

/** {@link FaceitApi} over FACEIT's Data API v4, each call once. */
export function faceitApi(config: FaceitConfig, clock: Clock = systemClock): FaceitApi {
  const breaker = breakers.get(config) ?? newBreaker();
  breakers.set(config, breaker);

  async function ask<T>(path: string, schema: z.ZodType<T>): Promise<Result<T, FaceitFailure>> {
    if (clock() < breaker.until) return err({ kind: "refused" });
    // FACEIT's limits are per key, so a pause that one match was given holds for all.
    const wait = (): number => Math.max(0, breaker.pause.until(clock()) - clock());
    if (wait() > 0) return err({ kind: "rate_limited", retryAfterMs: wait() });
    breaker.pause.take(clock());
    const answer = await get(`${config.apiUrl}${path}`, config.apiKey ?? "");
    if (answer === null) return err({ kind: "failed" });
    const { status, text } = answer;
    const told = retryAfterMs(answer.headers.get("Retry-After"), clock());
    if (status === 429 || (status === 503 && told !== null)) {
      breaker.pause.refuse(clock(), told);
      return err({ kind: "rate_limited", retryAfterMs: wait() });
    }
    breaker.pause.end(clock());
    if (status === 401 || status === 403) {
      breaker.refusals += 1;
      if (breaker.refusals >= REFUSALS_MAX) breaker.until = clock() + REFUSED_PAUSE_MS;
      return err({ kind: "refused" });
    }
    breaker.refusals = 0;
    if (status === 404) return err({ kind: "not_found" });
    const body = status === 200 ? schema.safeParse(parseJson(text)) : undefined;
    return body?.success === true ? ok(body.data) : err({ kind: "failed" });
  }

  return {
    async match(matchId) {
      const answer = await ask(`/matches/${encodeURIComponent(matchId)}`, MatchAnswer);
      if (!answer.ok) return answer;
      return answer.value.match_id === matchId
        ? ok(toMatch(answer.value))
        : err({ kind: "failed" });
    },
    async playerByNickname(nickname) {
      const answer = await ask(`/players?nickname=${encodeURIComponent(nickname)}`, PlayerAnswer);
      if (answer.ok) {
        const { player_id: playerId, nickname: name } = answer.value;
        return ok({ playerId, nickname: shownText(name, 100) });
      }
      return answer.error.kind === "not_found" ? ok(null) : answer;
    },
  };
}

function toMatch(answer: z.output<typeof MatchAnswer>): FaceitMatch {
  const urls = (answer.demo_url ?? []).map(httpsUrl).filter((url) => url !== null);
  const demoUrls = [...new Set(urls)].slice(0, MATCH_DEMOS_MAX);
  const { teams, voting, scheduled_at: scheduledAt, faceit_url: url } = answer;
  return {
    matchId: answer.match_id,
    owners: [answer.competition_id, answer.organizer_id].flatMap((id) => id ?? []),
    version: answer.version,
    status: answer.status.toUpperCase(),
    game: shownText(answer.game, 40),
    region: shownText(answer.region, 40),
    competition: shownText(answer.competition_name, 100),
    map: shownText(voting?.map.pick[0], 100) || null,
    bestOf: answer.best_of ?? null,
    // FACEIT's address has a placeholder for the language.
    url: typeof url === "string" ? httpsUrl(url.replace("{lang}", "en")) : null,
    demoUrl: demoUrls[0] ?? null,
    demoUrls,
    scheduledAt: typeof scheduledAt === "number" ? scheduledAt * 1_000 : null,
    rosters: readRosters(teams?.faction1, teams?.faction2),
  };
}

/** Sends one request; null: no answer in time, or one that is too large. */
async function get(
  url: string,
  apiKey: string,
): Promise<(OutboundAnswer & { readonly text: string }) | null> {
  const headers = { Authorization: `Bearer ${apiKey}`, Accept: "application/json" };
  const bounds = { timeoutMs: FACEIT_TIMEOUT_MS, maxBytes: FACEIT_ANSWER_MAX_BYTES };
  try {
    const { text, ...answer } = await askOutside(url, { headers }, bounds);
    return text === null ? null : { ...answer, text };
  } catch {
    return null;
  }
}
