import type {
  RESTPostAPIChannelInviteJSONBody,
  RESTPostAPIChannelMessageJSONBody,
  RESTPostAPIGuildChannelJSONBody,
} from "discord-api-types/v10";
import { z } from "zod";
import type { Env } from "../../env.ts";
import { DiscordId } from "../../protocol/discord-id.ts";
import { systemClock, type Clock } from "../clock.ts";
import { err, ok, type Result } from "../result.ts";
import {
  isIdempotent,
  isUnknownChannel,
  type DiscordAnswer,
  type DiscordCall,
  type DiscordFailure,
} from "./call.ts";
import {
  ACTION_ROW,
  BUTTON,
  CHANNEL_CREATED,
  GUILD_VOICE,
  LINK_STYLE,
  NOT_A_MEMBER,
  NOT_IN_VOICE,
  OVERWRITE,
  PERMISSION,
  TAKES_NO_MESSAGES,
  UNKNOWN_OVERWRITE,
} from "./constants.ts";
import { parseJson } from "./send.ts";

/** How long a caller may be kept waiting for Discord's limits or for a retry, milliseconds. */
export const WAIT_BUDGET_MS = 3_000;

/** Attempts of a call that may be repeated, when Discord or the network fails. */
const ATTEMPTS_MAX = 3;

/** First pause between attempts, milliseconds; it doubles, and full jitter spreads it. */
const FIRST_BACK_OFF_MS = 200;

/** Audit-log entries that are looked through: Discord's page. */
const AUDIT_ENTRIES = "100";

/** Who may see and enter a channel besides those whose roles allow it. */
export type PrivateAccess = {
  /** Discord users that are let in. */
  readonly userIds: readonly string[];
  /** The bot, which would lose sight of the channel otherwise. */
  readonly botUserId: string;
};

/** What a channel allows and denies one role or member, as bit sets. */
export type PermissionOverwrite = {
  readonly id: string;
  readonly kind: "role" | "member";
  readonly allow: bigint;
  readonly deny: bigint;
};

/** A channel of a guild, as lists show it. */
export type GuildChannel = {
  readonly id: string;
  readonly name: string;
  /** Discord's number for its type; 2 is a voice channel. */
  readonly type: number;
  readonly parentId: string | null;
  readonly overwrites: readonly PermissionOverwrite[];
};

/** A message. Mentions in it notify nobody. */
export type NewMessage = {
  readonly content: string;
  /** A button that leads to an address. */
  readonly button?: { readonly label: string; readonly url: string };
};

/** A voice channel to create. */
export type NewVoiceChannel = {
  readonly guildId: string;
  readonly name: string;
  /** 0: no limit. */
  readonly userLimit: number;
  /** Category, or null for none. */
  readonly parentId: string | null;
  /** Null: as the guild's roles have it. */
  readonly overwrites: readonly PermissionOverwrite[] | null;
  readonly reason: string;
};

/** The part of a channel that we read. */
export type DiscordChannel = { readonly id: string; readonly name: string };

/** An invite as Discord made it. `expiresAt` is RFC 3339 in UTC; null: never. */
export type DiscordInvite = { readonly code: string; readonly expiresAt: string | null };

/** The operations of Discord's REST API that we use. */
export interface DiscordClient {
  /** Not repeated unless Discord certainly did nothing: `unknown_outcome` and `failed` are open. */
  createVoiceChannel(channel: NewVoiceChannel): Promise<Result<DiscordChannel, DiscordFailure>>;
  /** A channel that is gone already counts as deleted. */
  deleteChannel(channelId: string, reason: string): Promise<Result<undefined, DiscordFailure>>;
  /** Null: there is no such channel. */
  getChannel(channelId: string): Promise<Result<DiscordChannel | null, DiscordFailure>>;
  /** @param options seconds and uses, 0 for no bound; absent: Discord's defaults */
  createInvite(
    channelId: string,
    options: { readonly maxAge?: number | undefined; readonly maxUses?: number | undefined },
  ): Promise<Result<DiscordInvite, DiscordFailure>>;
  /** The newest channel whose creation carries `nonce` in its audit-log reason, or null. */
  findByAuditReason(guildId: string, nonce: string): Promise<Result<string | null, DiscordFailure>>;
  /** The bot's own user id. */
  botUserId(): Promise<Result<string, DiscordFailure>>;
  /** The channels of a guild that the bot sees, at most 500. */
  listChannels(guildId: string): Promise<Result<readonly GuildChannel[], DiscordFailure>>;
  /** Sets one overwrite of a channel; the others stay. */
  setOverwrite(
    channelId: string,
    overwrite: PermissionOverwrite,
    reason: string,
  ): Promise<Result<undefined, DiscordFailure>>;
  /** Takes an overwrite away; one that is not there counts as taken away. */
  removeOverwrite(
    channelId: string,
    overwriteId: string,
    reason: string,
  ): Promise<Result<undefined, DiscordFailure>>;
  /**
   * Moves somebody who is in voice; null: out of voice. `not_in_voice` (40032) and `not_member` (10007,
   * 10013) are no failures: a bot cannot put somebody into voice.
   */
  moveMember(
    guildId: string,
    userId: string,
    channelId: string | null,
    reason: string,
  ): Promise<Result<"moved" | "not_in_voice" | "not_member", DiscordFailure>>;
  /** `closed`: this person takes no messages from the bot (50007, 50278). */
  sendDirectMessage(
    userId: string,
    message: NewMessage,
  ): Promise<Result<"sent" | "closed", DiscordFailure>>;
  /** Writes into a text channel. Not repeated when nobody knows whether it arrived. */
  sendMessage(channelId: string, message: NewMessage): Promise<Result<undefined, DiscordFailure>>;
}

/** What the client needs from outside. */
export type DiscordClientPorts = {
  /** Sends a call once. */
  readonly send: (call: DiscordCall) => Promise<DiscordAnswer>;
  /** Milliseconds that one operation may spend on waiting; 0: it never waits. */
  readonly budgetMs: number;
  readonly clock: Clock;
  readonly sleep: (ms: number) => Promise<void>;
  /** At least 0, below 1. */
  readonly random: () => number;
};

const Channel = z.object({ id: DiscordId, name: z.string().nullish() });
const Invite = z.object({
  code: z.string().min(1),
  expires_at: z.iso.datetime({ offset: true }).nullish(),
});
const CurrentUser = z.object({ id: DiscordId });
const BitSet = z.string().regex(/^\d{1,30}$/);
const ListedChannel = z.object({
  id: DiscordId,
  name: z.string().nullish(),
  type: z.number().int(),
  parent_id: DiscordId.nullish(),
  permission_overwrites: z
    .array(z.object({ id: DiscordId, type: z.number().int(), allow: BitSet, deny: BitSet }))
    .nullish(),
});
const AuditLog = z.object({
  audit_log_entries: z.array(
    z.object({ target_id: z.string().nullish(), reason: z.string().nullish() }),
  ),
});

/** A client over any way to send a call. */
export function createDiscordClient(ports: DiscordClientPorts): DiscordClient {
  async function ask<T>(
    call: DiscordCall,
    schema: z.ZodType<T>,
  ): Promise<Result<T, DiscordFailure>> {
    const answer = await sendWithRetries(call, ports);
    if (answer.kind !== "answered") return err(answer);
    const body = schema.safeParse(parseJson(answer.text));
    return body.success ? ok(body.data) : err({ kind: "failed", status: answer.status });
  }

  /** For calls whose answer says nothing. */
  async function done(call: DiscordCall): Promise<Result<undefined, DiscordFailure>> {
    const answer = await sendWithRetries(call, ports);
    return answer.kind === "answered" ? ok(undefined) : err(answer);
  }

  return {
    async createVoiceChannel(channel) {
      const body: RESTPostAPIGuildChannelJSONBody = {
        name: channel.name,
        type: GUILD_VOICE,
        user_limit: channel.userLimit,
        ...(channel.parentId === null ? {} : { parent_id: channel.parentId }),
        ...(channel.overwrites === null
          ? {}
          : { permission_overwrites: channel.overwrites.map(toWire) }),
      };
      const created = await ask(
        {
          method: "POST",
          route: "/guilds/:guildId/channels",
          params: { guildId: channel.guildId },
          body: JSON.stringify(body),
          reason: channel.reason,
        },
        Channel,
      );
      return created.ok
        ? ok({ id: created.value.id, name: created.value.name ?? channel.name })
        : created;
    },

    async deleteChannel(channelId, reason) {
      const answer = await sendWithRetries(
        { method: "DELETE", route: "/channels/:channelId", params: { channelId }, reason },
        ports,
      );
      if (answer.kind === "answered") return ok(undefined);
      if (answer.kind === "refused" && isUnknownChannel(answer)) return ok(undefined);
      return err(answer);
    },

    async getChannel(channelId) {
      const found = await ask(
        { method: "GET", route: "/channels/:channelId", params: { channelId } },
        Channel,
      );
      if (found.ok) return ok({ id: found.value.id, name: found.value.name ?? "" });
      const { error } = found;
      return error.kind === "refused" && isUnknownChannel(error) ? ok(null) : err(error);
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
      const user = await ask({ method: "GET", route: "/users/@me", params: {} }, CurrentUser);
      return user.ok ? ok(user.value.id) : user;
    },

    async listChannels(guildId) {
      const listed = await ask(
        { method: "GET", route: "/guilds/:guildId/channels", params: { guildId } },
        z.array(ListedChannel),
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

    async sendDirectMessage(userId, message) {
      const opened = await ask(
        {
          method: "POST",
          route: "/users/@me/channels",
          params: {},
          body: JSON.stringify({ recipient_id: userId }),
        },
        CurrentUser,
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

/** Whether Discord said no with one of these codes. */
function isRefused(result: Result<unknown, DiscordFailure>, ...codes: readonly number[]): boolean {
  return !result.ok && result.error.kind === "refused" && codes.includes(result.error.code);
}

/**
 * The client that talks through the bot's one caller (`DISCORD` binding).
 * @param budgetMs milliseconds an operation may wait; 0 inside a Durable Object, which reschedules
 */
export function discordClient(env: Env, budgetMs: number = WAIT_BUDGET_MS): DiscordClient {
  const rest = env.DISCORD.get(env.DISCORD.idFromName("bot"));
  const client = createDiscordClient({
    send: async (call) => {
      try {
        return await rest.call(call);
      } catch {
        // The object was moved or restarted: nobody knows whether the call had left already.
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

/** The bot's id never changes while a token lives. */
const botUserIds = new WeakMap<Env["DISCORD"], string>();

async function sendWithRetries(
  call: DiscordCall,
  { send, budgetMs, clock, sleep, random }: DiscordClientPorts,
): Promise<DiscordAnswer> {
  const deadline = clock() + budgetMs;
  for (let attempt = 1; ; attempt += 1) {
    const answer = await send(call);
    const pause = pauseBeforeRetry(call, answer, attempt, random);
    if (pause === null || clock() + pause > deadline) return answer;
    await sleep(pause);
  }
}

/** Milliseconds to wait before the same call goes again; null: it must not, or need not. */
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
  return random() * FIRST_BACK_OFF_MS * 2 ** attempt;
}

/** Closes a channel to everybody but some users and the bot. */
export function privateOverwrites(
  guildId: string,
  { userIds, botUserId }: PrivateAccess,
): PermissionOverwrite[] {
  const enter = PERMISSION.viewChannel | PERMISSION.connect;
  const talk = enter | PERMISSION.speak | PERMISSION.stream;
  const member = (id: string, allow: bigint): PermissionOverwrite => ({
    id,
    kind: "member",
    allow,
    deny: 0n,
  });
  const others = [...new Set(userIds)].filter((id) => id !== botUserId);
  return [
    // The role of everybody has the guild's own id.
    { id: guildId, kind: "role", allow: 0n, deny: enter },
    ...others.map((id) => member(id, talk)),
    member(botUserId, enter | PERMISSION.manageChannels),
  ];
}

/** As Discord writes it (discord.md §2 REST: bits as strings). */
function toWire({ id, kind, allow, deny }: PermissionOverwrite) {
  return { id, type: OVERWRITE[kind], allow: allow.toString(), deny: deny.toString() };
}

function toChannel(channel: z.output<typeof ListedChannel>): GuildChannel {
  return {
    id: channel.id,
    name: channel.name ?? "",
    type: channel.type,
    parentId: channel.parent_id ?? null,
    overwrites: (channel.permission_overwrites ?? []).map(({ id, type, allow, deny }) => ({
      id,
      kind: type === Number(OVERWRITE.role) ? "role" : "member",
      allow: BigInt(allow),
      deny: BigInt(deny),
    })),
  };
}

/** A message in which nothing notifies anybody. */
function toMessage({ content, button }: NewMessage): string {
  const body: RESTPostAPIChannelMessageJSONBody = {
    content,
    allowed_mentions: { parse: [] },
    ...(button === undefined
      ? {}
      : {
          components: [
            {
              type: ACTION_ROW,
              components: [
                { type: BUTTON, style: LINK_STYLE, label: button.label, url: button.url },
              ],
            },
          ],
        }),
  };
  return JSON.stringify(body);
}
