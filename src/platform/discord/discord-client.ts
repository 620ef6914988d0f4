import type { RESTPostAPIChannelInviteJSONBody } from "discord-api-types/v10";
import type { z } from "zod";
import { type Backoff, fullJitter } from "../../protocol/backoff.ts";
import { type Clock, systemClock } from "../clock.ts";
import type { PlatformEnv } from "../env.ts";
import { parseJson } from "../../protocol/outbound.ts";
import { err, ok, type Result } from "../result.ts";
import {
  type DiscordAnswer,
  type DiscordCall,
  type DiscordFailure,
  isIdempotent,
  isUnknownChannel,
} from "./call.ts";
import {
  CHANNEL_CREATED,
  NOT_A_MEMBER,
  NOT_IN_VOICE,
  TAKES_NO_MESSAGES,
  UNKNOWN_OVERWRITE,
} from "./constants.ts";
import type { DiscordClient } from "./operations.ts";
import {
  AuditLog,
  Channel,
  ChannelList,
  Identified,
  Invite,
  toChannel,
  toMessage,
  toNewChannel,
  toWire,
} from "./wire.ts";

/** Attempts of an idempotent call when Discord or the network fails. */
const ATTEMPTS_MAX = 3;

/** Pause between these attempts. */
const RETRY_BACKOFF: Backoff = { firstMs: 400, mostMs: 800 };

/** The dependencies of sending with retries. */
export type RetryPorts = {
  /** Sends a call once. */
  readonly send: (call: DiscordCall) => Promise<DiscordAnswer>;
  /** Milliseconds that one operation may wait in total; 0: it never waits. */
  readonly budgetMs: number;
  readonly clock: Clock;
  readonly sleep: (ms: number) => Promise<void>;
  /** At least 0, below 1. */
  readonly random: () => number;
};

/** Sends a call, and repeats it as long as that is safe and the budget allows it. */
async function sendWithRetries(
  call: DiscordCall,
  { send, budgetMs, clock, sleep, random }: RetryPorts,
): Promise<DiscordAnswer> {
  const deadline = clock() + budgetMs;
  for (let attempt = 1; ; attempt += 1) {
    const answer = await send(call);
    const pause = pauseBeforeRetry(call, answer, attempt, random);
    if (pause === null || clock() + pause > deadline) return answer;
    await sleep(pause);
  }
}

/** Milliseconds to wait before the call is repeated; null: it must not or need not be repeated. */
function pauseBeforeRetry(
  call: DiscordCall,
  answer: DiscordAnswer,
  attempt: number,
  random: () => number,
): number | null {
  if (answer.kind === "rate_limited") return answer.retryAfterMs;
  const serverFailed = answer.kind === "failed" && answer.status >= 500;
  if (!serverFailed && answer.kind !== "unknown_outcome") return null;
  if (!isIdempotent(call.method) || attempt >= ATTEMPTS_MAX) return null;
  return fullJitter(RETRY_BACKOFF, attempt - 1, random());
}

/** Audit-log entries that are searched: the largest page of Discord. */
const AUDIT_ENTRIES = "100";

/** Creates a client from a function that sends a call. */
export function createDiscordClient(ports: RetryPorts): DiscordClient {
  async function ask<T>(
    call: DiscordCall,
    schema: z.ZodType<T>,
  ): Promise<Result<T, DiscordFailure>> {
    const answer = await sendWithRetries(call, ports);
    if (answer.kind !== "answered") return err(answer);
    const body = schema.safeParse(parseJson(answer.text));
    return body.success ? ok(body.data) : err({ kind: "failed", status: answer.status });
  }

  /** For calls whose answer has no content. */
  async function done(call: DiscordCall): Promise<Result<undefined, DiscordFailure>> {
    const answer = await sendWithRetries(call, ports);
    return answer.kind === "answered" ? ok(undefined) : err(answer);
  }

  return {
    async createVoiceChannel(channel) {
      const created = await ask(
        {
          method: "POST",
          route: "/guilds/:guildId/channels",
          params: { guildId: channel.guildId },
          body: toNewChannel(channel),
          about: channel.name,
          ...(channel.parentId === null ? {} : { within: channel.parentId }),
          reason: channel.reason,
        },
        Channel,
      );
      return created.ok
        ? ok({ id: created.value.id, name: created.value.name ?? channel.name })
        : created;
    },

    async deleteChannel(channelId, reason) {
      const deleted = await done({
        method: "DELETE",
        route: "/channels/:channelId",
        params: { channelId },
        reason,
      });
      return isChannelGone(deleted) ? ok(undefined) : deleted;
    },

    async getChannel(channelId) {
      const found = await ask(
        { method: "GET", route: "/channels/:channelId", params: { channelId } },
        Channel,
      );
      if (isChannelGone(found)) return ok(null);
      return found.ok ? ok({ id: found.value.id, name: found.value.name ?? "" }) : found;
    },

    async createInvite(channelId, { maxAge, maxUses }) {
      const body: RESTPostAPIChannelInviteJSONBody = {
        ...(maxAge === undefined ? {} : { max_age: maxAge }),
        ...(maxUses === undefined ? {} : { max_uses: maxUses }),
      };
      const invite = await ask(
        {
          method: "POST",
          route: "/channels/:channelId/invites",
          params: { channelId },
          body: JSON.stringify(body),
        },
        Invite,
      );
      if (!invite.ok) return invite;
      const { code, expires_at: expiresAt } = invite.value;
      return ok({ code, expiresAt: expiresAt ? new Date(expiresAt).toISOString() : null });
    },

    async findByAuditReason(guildId, nonce) {
      const log = await ask(
        {
          method: "GET",
          route: "/guilds/:guildId/audit-logs",
          params: { guildId },
          query: { action_type: String(CHANNEL_CREATED), limit: AUDIT_ENTRIES },
        },
        AuditLog,
      );
      if (!log.ok) return log;
      const entry = log.value.audit_log_entries.find(({ reason }) => reason?.includes(nonce));
      return ok(entry?.target_id ?? null);
    },

    async botUserId() {
      const user = await ask({ method: "GET", route: "/users/@me", params: {} }, Identified);
      return user.ok ? ok(user.value.id) : user;
    },

    async listChannels(guildId) {
      const listed = await ask(
        { method: "GET", route: "/guilds/:guildId/channels", params: { guildId } },
        ChannelList,
      );
      return listed.ok ? ok(listed.value.map(toChannel)) : listed;
    },

    async setOverwrite(channelId, overwrite, reason) {
      const { id: overwriteId, ...body } = toWire(overwrite);
      return done({
        method: "PUT",
        route: "/channels/:channelId/permissions/:overwriteId",
        params: { channelId, overwriteId },
        body: JSON.stringify(body),
        reason,
      });
    },

    async removeOverwrite(channelId, overwriteId, reason) {
      const removed = await done({
        method: "DELETE",
        route: "/channels/:channelId/permissions/:overwriteId",
        params: { channelId, overwriteId },
        reason,
      });
      return isRefused(removed, UNKNOWN_OVERWRITE) ? ok(undefined) : removed;
    },

    async moveMember(guildId, userId, channelId, reason) {
      const moved = await done({
        method: "PATCH",
        route: "/guilds/:guildId/members/:userId",
        params: { guildId, userId },
        body: JSON.stringify({ channel_id: channelId }),
        reason,
      });
      if (moved.ok) return ok("moved");
      if (isRefused(moved, NOT_IN_VOICE)) return ok("not_in_voice");
      return isRefused(moved, ...NOT_A_MEMBER) ? ok("not_member") : moved;
    },

    async isMember(guildId, userId) {
      const found = await done({
        method: "GET",
        route: "/guilds/:guildId/members/:userId",
        params: { guildId, userId },
      });
      if (found.ok) return ok(true);
      return isRefused(found, ...NOT_A_MEMBER) ? ok(false) : found;
    },

    async sendDirectMessage(userId, message) {
      const opened = await ask(
        {
          method: "POST",
          route: "/users/@me/channels",
          params: {},
          body: JSON.stringify({ recipient_id: userId }),
          about: userId,
        },
        Identified,
      );
      const sent = opened.ok ? await this.sendMessage(opened.value.id, message) : opened;
      if (sent.ok) return ok("sent");
      return isRefused(sent, ...TAKES_NO_MESSAGES) ? ok("closed") : sent;
    },

    async sendMessage(channelId, message) {
      return done({
        method: "POST",
        route: "/channels/:channelId/messages",
        params: { channelId },
        body: toMessage(message),
      });
    },
  };
}

/** Whether Discord refused a call with one of these codes. */
function isRefused(result: Result<unknown, DiscordFailure>, ...codes: readonly number[]): boolean {
  return !result.ok && result.error.kind === "refused" && codes.includes(result.error.code);
}

function isChannelGone(result: Result<unknown, DiscordFailure>): boolean {
  return !result.ok && result.error.kind === "refused" && isUnknownChannel(result.error);
}

/** How long a caller may be kept waiting for Discord's limits or for a retry, milliseconds. */
const WAIT_BUDGET_MS = 3_000;

/**
 * The client that sends calls through `DiscordRest` (`DISCORD` binding).
 * @param budgetMs milliseconds an operation may wait; 0 inside a Durable Object, which reschedules
 * @param caller name of a caller that repeats a refused operation by itself after `retryAfterMs`, for example a
 * match, so that its turn is kept (docs/design/discord-fair-share.md); absent: a person waits for the answer
 */
export function discordClient(
  env: PlatformEnv,
  budgetMs: number = WAIT_BUDGET_MS,
  caller?: string,
): DiscordClient {
  const rest = env.DISCORD.get(env.DISCORD.idFromName("bot"));
  const client = createDiscordClient({
    send: async (call) => {
      try {
        return await rest.call(caller === undefined ? call : { ...call, caller });
      } catch {
        // The object was moved or restarted, and the call may have been sent already.
        return { kind: "unknown_outcome" };
      }
    },
    budgetMs,
    clock: systemClock,
    sleep: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
    random: Math.random,
  });
  return {
    ...client,
    async botUserId() {
      const known = botUserIds.get(env.DISCORD);
      if (known !== undefined) return ok(known);
      const asked = await client.botUserId();
      if (asked.ok) botUserIds.set(env.DISCORD, asked.value);
      return asked;
    },
  };
}

/** The bot's user ids. They are cached because an id never changes while its token is valid. */
const botUserIds = new WeakMap<PlatformEnv["DISCORD"], string>();
