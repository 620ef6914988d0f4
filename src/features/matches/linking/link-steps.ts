import { escapeMarkdown } from "../../../platform/discord/interactions/slash-command.ts";
import type { NewMessage } from "../../../platform/discord/operations.ts";
import { log } from "../../../platform/log.ts";
import { LINK_TTL_MS } from "../../../protocol/limits.ts";
import type {
  DiscordUser,
  IdentityFailure,
  LinkAttempt,
  LinkPorts,
  MatchesStore,
  MatchRooms,
} from "../ports.ts";
import { isSecret, sha256 } from "./secrets.ts";

/**
 * Begins a linking for somebody whom Discord vouches for.
 * @param pageUrl where `GET /faceit/link` is
 * @returns the address to open within {@link LINK_TTL_MS}
 */
export async function beginLink(
  ports: Pick<LinkPorts, "attempts" | "clock" | "newSecret">,
  who: { readonly discordId: string; readonly guildId: string },
  pageUrl: string,
): Promise<string> {
  const { attempts, clock, newSecret } = ports;
  const state = newSecret();
  const now = clock();
  await attempts.add(
    {
      stateHash: await sha256(state),
      step: "open",
      discordId: who.discordId,
      guildId: who.guildId,
      browserHash: null,
      expiresAt: now + LINK_TTL_MS,
    },
    now,
  );
  const url = new URL(pageUrl);
  url.searchParams.set("state", state);
  return url.href;
}

/** Who a person signs in at on the way. */
export type Provider = "Discord" | "FACEIT";

/** How a linking ended: what the page says. */
export type LinkOutcome =
  | {
      readonly kind: "linked";
      readonly nickname: string;
      /** Null: the browser forgot it on the way. */
      readonly discordName: string | null;
    }
  /** The person said no. */
  | { readonly kind: "cancelled"; readonly at: Provider }
  /** Nobody knows this state: it is used, older than ten minutes, or made up. */
  | { readonly kind: "expired" }
  /** Somebody else than who used `/link` signed in at Discord. */
  | { readonly kind: "other_discord_user" }
  /** Another browser began. */
  | { readonly kind: "other_browser" }
  | { readonly kind: "unreachable"; readonly at: Provider }
  /** The provider asks everybody to wait; null: it does not say for how long. */
  | { readonly kind: "busy"; readonly at: Provider; readonly retryAfterMs: number | null }
  /** The provider does not accept this server. */
  | { readonly kind: "refused"; readonly at: Provider }
  /** FACEIT did not say which account it is. */
  | { readonly kind: "no_account_id" }
  /** Variables are missing. */
  | { readonly kind: "not_set_up"; readonly missing: readonly string[] }
  | { readonly kind: "too_many" }
  /** A bug, or a part that is away. */
  | { readonly kind: "broken" };

/** The next address of the browser, or the end. */
export type LinkStepResult<Go> = ({ readonly kind: "go"; readonly url: string } & Go) | LinkOutcome;

/** Characters of a code; the providers' are far shorter. */
const CODE_MAX_LENGTH = 2_048;

/** What a provider sends a browser back with (RFC 6749 §4.1.2), as it came. */
export type ProviderReturn = {
  readonly state: string | undefined;
  readonly code: string | undefined;
  readonly error: string | undefined;
};

/** A return that counts: the first with its state, in time, in the browser that left. */
export type CountedReturn = {
  readonly kind: "counted";
  readonly attempt: LinkAttempt;
  /** The cookie, and its hash. */
  readonly browser: string;
  readonly browserHash: string;
  readonly code: string;
};

/**
 * Takes the step that a browser comes back for. It is spent whatever comes of it: a state that has been
 * seen where it does not belong is good for nothing any more.
 * @param browser the cookie of the browser
 */
export async function takeReturn(
  { attempts, clock }: Pick<LinkPorts, "attempts" | "clock">,
  at: Provider,
  { state, code, error }: ProviderReturn,
  browser: string | undefined,
): Promise<CountedReturn | LinkOutcome> {
  if (!isSecret(state)) return { kind: "expired" };
  const step = at === "Discord" ? "discord" : "faceit";
  const attempt = await attempts.take(await sha256(state), step, clock());
  if (attempt === null) return { kind: "expired" };
  if (!isSecret(browser)) return { kind: "other_browser" };
  // Hashes of random secrets: comparing them tells nothing about these.
  const browserHash = await sha256(browser);
  if (browserHash !== attempt.browserHash) return { kind: "other_browser" };
  if (error === "access_denied") return { kind: "cancelled", at };
  if (error !== undefined) return { kind: "refused", at };
  if (code === undefined || code === "" || code.length > CODE_MAX_LENGTH) {
    return { kind: "expired" };
  }
  return { kind: "counted", attempt, browser, browserHash, code };
}

/** A provider's failure as the page says it. */
export function toOutcome(at: Provider, failure: IdentityFailure): LinkOutcome {
  switch (failure.kind) {
    case "bad_code":
      return { kind: "expired" };
    case "refused":
      return { kind: "refused", at };
    case "rate_limited":
      return { kind: "busy", at, retryAfterMs: failure.retryAfterMs };
    case "failed":
      return { kind: "unreachable", at };
  }
}

/**
 * The first step: somebody opens the link that `/link` gave. Whoever it is, Discord must say so first,
 * because a link can be sent on (§B, link forwarding). A reload does this again.
 * @param browser the cookie that this browser has already
 */
export async function openLink(
  ports: Pick<LinkPorts, "attempts" | "discord" | "clock" | "newSecret">,
  state: string | undefined,
  browser: string | undefined,
): Promise<LinkStepResult<{ readonly browser: string }>> {
  const { attempts, discord, clock, newSecret } = ports;
  if (!isSecret(state)) return { kind: "expired" };
  const attempt = await attempts.find(await sha256(state), "open", clock());
  if (attempt === null) return { kind: "expired" };
  // The one it has stays good: two tabs of one browser do not disturb each other.
  const cookie = isSecret(browser) ? browser : newSecret();
  const next = await addStep(ports, attempt, "discord", await sha256(cookie));
  return { kind: "go", url: discord.authorizeUrl(next), browser: cookie };
}

/** Adds the step that follows `attempt`, for the same person and until the same time. */
export async function addStep(
  { attempts, clock, newSecret }: Pick<LinkPorts, "attempts" | "clock" | "newSecret">,
  attempt: LinkAttempt,
  step: "discord" | "faceit",
  browserHash: string,
): Promise<string> {
  const state = newSecret();
  const stateHash = await sha256(state);
  await attempts.add({ ...attempt, stateHash, step, browserHash }, clock());
  return state;
}

/**
 * The second step: Discord has said who is at this browser. Only who used `/link` goes on to FACEIT.
 * @param browser the cookie of the browser
 */
export async function returnFromDiscord(
  ports: Pick<LinkPorts, "attempts" | "discord" | "faceit" | "clock" | "newSecret" | "verifierOf">,
  back: ProviderReturn,
  browser: string | undefined,
): Promise<LinkStepResult<{ readonly browser: string; readonly discord: DiscordUser }>> {
  const taken = await takeReturn(ports, "Discord", back, browser);
  if (taken.kind !== "counted") return taken;
  const user = await ports.discord.whoIs(taken.code);
  if (!user.ok) return toOutcome("Discord", user.error);
  if (user.value.id !== taken.attempt.discordId) return { kind: "other_discord_user" };
  const state = await addStep(ports, taken.attempt, "faceit", taken.browserHash);
  const challenge = await sha256(await ports.verifierOf(state));
  return {
    kind: "go",
    url: ports.faceit.authorizeUrl(state, challenge),
    browser: taken.browser,
    discord: user.value,
  };
}

/**
 * The last step: FACEIT has said whose account it is. Writes the link; who is to hear of it hears of it
 * after the answer.
 * @param browser the cookie of the browser
 * @param discord who signed in at Discord in this browser last: in two tabs two people may link
 */
export async function returnFromFaceit(
  ports: Omit<LinkPorts, "discord" | "newSecret">,
  back: ProviderReturn,
  browser: string | undefined,
  discord: DiscordUser | null,
): Promise<LinkOutcome> {
  const taken = await takeReturn(ports, "FACEIT", back, browser);
  if (taken.kind !== "counted") return taken;
  const { discordId } = taken.attempt;
  const verifier = await ports.verifierOf(back.state ?? "");
  const player = await ports.faceit.whoIs(taken.code, verifier);
  if (!player.ok) {
    return player.error.kind === "no_account_id"
      ? { kind: "no_account_id" }
      : toOutcome("FACEIT", player.error);
  }
  const { playerId, nickname } = player.value;
  const link = {
    discordId,
    faceitId: playerId,
    nickname,
    verifiedMethod: "oauth",
    linkedAt: ports.clock(),
  } as const;
  const linked = await ports.links.put(link, discordId);
  if (linked.kind !== "linked") throw new Error("a proven link was refused for another proven one");
  // What else this person has open would only do the same again.
  await ports.attempts.forget(discordId);
  const { replaced, takenFrom } = linked;
  ports.later(tellMatches(ports, replaced === null ? [playerId] : [playerId, replaced]));
  ports.later(ports.tell(discordId, nowLinked(nickname)));
  if (takenFrom !== null) ports.later(ports.tell(takenFrom, takenOver(nickname)));
  const discordName = discord?.id === discordId ? discord.name : null;
  return { kind: "linked", nickname, discordName };
}

function nowLinked(nickname: string): NewMessage {
  return {
    content: `You are linked to the FACEIT account **${escapeMarkdown(nickname)}**. When you play a match, you get into your side's voice channel. \`/unlink\` in the server undoes this.`,
  };
}

function takenOver(nickname: string): NewMessage {
  return {
    content: `The FACEIT account **${escapeMarkdown(nickname)}** is no longer linked to you: somebody signed in at FACEIT with it and linked it to another Discord account. If that was not you, change your password at FACEIT, then use \`/link\` again.`,
  };
}

/**
 * Tells the live matches of these players that a link has changed, so that they let somebody in or out.
 * Never throws: a match also looks by itself.
 */
export async function tellMatches(
  { matches, rooms }: { matches: Pick<MatchesStore, "liveMatchesOf">; rooms: MatchRooms },
  faceitIds: readonly string[],
): Promise<void> {
  try {
    const live = await matches.liveMatchesOf(faceitIds);
    if (live.length > 0) await rooms.look(live);
  } catch (error) {
    log("warn", "link.matches_not_told", { error });
  }
}
