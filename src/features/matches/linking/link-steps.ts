import { escapeMarkdown } from "../../../platform/discord/interactions/slash-command.ts";
import type { NewMessage } from "../../../platform/discord/operations.ts";
import { LINK_TTL_MS } from "../../../protocol/limits.ts";
import type { DiscordUser, IdentityFailure, LinkAttempt, LinkPorts } from "../ports.ts";
import { isSecret, hashOf } from "./secrets.ts";

/**
 * Begins a linking for the Discord user of a signed interaction.
 * @param pageUrl the address of `GET /faceit/link`
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
      stateHash: await hashOf(state),
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

/** The identity providers of a linking. */
type Provider = "Discord" | "FACEIT";

/** How a linking ended, for the page to show. */
export type LinkOutcome =
  | {
      readonly kind: "linked";
      readonly nickname: string;
      /** Null: the cookie did not have it. */
      readonly discordName: string | null;
    }
  /** The person declined at the provider. */
  | { readonly kind: "cancelled"; readonly at: Provider }
  /** The state is used, older than ten minutes, or made up. */
  | { readonly kind: "expired" }
  /** Another Discord user than the one who used `/link` signed in. */
  | { readonly kind: "other_discord_user" }
  /** The linking began in another browser. */
  | { readonly kind: "other_browser" }
  | { readonly kind: "unreachable"; readonly at: Provider }
  /** The provider asks for a pause; null: it does not say for how long. */
  | { readonly kind: "busy"; readonly at: Provider; readonly retryAfterMs: number | null }
  /** The provider does not accept this server. */
  | { readonly kind: "refused"; readonly at: Provider }
  /** FACEIT did not say which account it is. */
  | { readonly kind: "no_account_id" }
  /** Variables are missing. */
  | { readonly kind: "not_set_up"; readonly missing: readonly string[] }
  | { readonly kind: "too_many" }
  /** A bug, or a dependency that does not answer. */
  | { readonly kind: "broken" };

/** The address to redirect the browser to, or the end. */
export type LinkStepResult<Go> = ({ readonly kind: "go"; readonly url: string } & Go) | LinkOutcome;

/** The most characters of an authorization code; those of the providers are far shorter. */
const CODE_MAX_LENGTH = 2_048;

/** The unchecked query parameters of a provider's redirect (RFC 6749 §4.1.2). */
export type ProviderReturn = {
  readonly state: string | undefined;
  readonly code: string | undefined;
  readonly error: string | undefined;
};

/** A valid return: the first with its state, in time, and in the browser that began the linking. */
type CountedReturn = {
  readonly kind: "counted";
  readonly attempt: LinkAttempt;
  /** The cookie, and its hash. */
  readonly browser: string;
  readonly browserHash: string;
  readonly code: string;
};

/**
 * Checks a provider's redirect and uses up its step, even if a check fails: a state that reached another
 * browser must not be usable again.
 * @param browser the cookie of the browser
 */
async function takeReturn(
  { attempts, clock }: Pick<LinkPorts, "attempts" | "clock">,
  at: Provider,
  { state, code, error }: ProviderReturn,
  browser: string | undefined,
): Promise<CountedReturn | LinkOutcome> {
  if (!isSecret(state)) return { kind: "expired" };
  const step = at === "Discord" ? "discord" : "faceit";
  const attempt = await attempts.take(await hashOf(state), step, clock());
  if (attempt === null) return { kind: "expired" };
  if (!isSecret(browser)) return { kind: "other_browser" };
  // A plain comparison is safe: its timing reveals hashes, never the random secrets.
  const browserHash = await hashOf(browser);
  if (browserHash !== attempt.browserHash) return { kind: "other_browser" };
  if (error === "access_denied") return { kind: "cancelled", at };
  if (error !== undefined) return { kind: "refused", at };
  if (code === undefined || code === "" || code.length > CODE_MAX_LENGTH) {
    return { kind: "expired" };
  }
  return { kind: "counted", attempt, browser, browserHash, code };
}

/** The outcome for a provider's failure. */
function toOutcome(at: Provider, failure: IdentityFailure): LinkOutcome {
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
 * The first step: somebody opens the link from `/link`. They sign in at Discord first, because a link can be
 * forwarded (§B, link forwarding). A reload repeats this step.
 * @param browser the cookie that the browser already has
 */
export async function openLink(
  ports: Pick<LinkPorts, "attempts" | "discord" | "clock" | "newSecret">,
  state: string | undefined,
  browser: string | undefined,
): Promise<LinkStepResult<{ readonly browser: string }>> {
  const { attempts, discord, clock, newSecret } = ports;
  if (!isSecret(state)) return { kind: "expired" };
  const attempt = await attempts.find(await hashOf(state), "open", clock());
  if (attempt === null) return { kind: "expired" };
  // Keep an existing cookie, so that linking in a second tab does not break the first.
  const cookie = isSecret(browser) ? browser : newSecret();
  const next = await addStep(ports, attempt, "discord", await hashOf(cookie));
  return { kind: "go", url: discord.authorizeUrl(next), browser: cookie };
}

/** Adds the step after `attempt`, for the same person and with the same expiry. @returns its state */
async function addStep(
  { attempts, clock, newSecret }: Pick<LinkPorts, "attempts" | "clock" | "newSecret">,
  attempt: LinkAttempt,
  step: "discord" | "faceit",
  browserHash: string,
): Promise<string> {
  const state = newSecret();
  const stateHash = await hashOf(state);
  await attempts.add({ ...attempt, stateHash, step, browserHash }, clock());
  return state;
}

/**
 * The second step: the person has signed in at Discord. Only the user who used `/link` goes on to FACEIT.
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
  const challenge = await hashOf(await ports.verifierOf(state));
  return {
    kind: "go",
    url: ports.faceit.authorizeUrl(state, challenge),
    browser: taken.browser,
    discord: user.value,
  };
}

/**
 * The last step: the person has signed in at FACEIT. Writes the link; matches and users are told after the
 * answer.
 * @param browser the cookie of the browser
 * @param discord the user who signed in at Discord in this browser last. With two tabs it may be another person
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
  // Pending links of this person are no longer needed.
  await ports.attempts.forget(discordId);
  const { replaced, takenFrom } = linked;
  ports.later(ports.tellMatches(replaced === null ? [playerId] : [playerId, replaced]));
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
