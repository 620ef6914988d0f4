import { randomInt } from "node:crypto";
import { AuditLogEvent, ChannelType, PermissionFlagsBits } from "discord-api-types/v10";
import { err, ok } from "../../../src/platform/result.ts";
import { GUILD_INVITES_MAX, type InviteRecord } from "../model.ts";
import { inviteObject } from "../objects.ts";
import { findChannel } from "./access.ts";
import { FAILURES } from "./failure.ts";
import type { Outcome, RestCall } from "./request.ts";

const MAX_AGE_DEFAULT_SECONDS = 86_400;
const MAX_AGE_SECONDS = 604_800;
const CODE_LENGTH = 10;
const CODE_ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

/** `POST /channels/:channelId/invites`: returns an equal invite again unless `unique` is set. */
export function createInvite({ world, channelId, form, reason, clock }: RestCall): Outcome {
  const found = findChannel(world, channelId, PermissionFlagsBits.CreateInstantInvite);
  if (!found.ok) return found;
  const { guild, channel } = found.value;
  if (channel.type === ChannelType.GuildCategory) return err(FAILURES.wrongChannelType);
  const maxAge = form.integer("max_age", { min: 0, max: MAX_AGE_SECONDS });
  const maxUses = form.integer("max_uses", { min: 0, max: 100 });
  const temporary = form.flag("temporary");
  const unique = form.flag("unique") ?? false;
  const invalid = form.failure();
  if (invalid !== null) return err(invalid);

  const invites = world.archive.invitesOf(guild.id);
  const wanted = {
    channelId,
    maxAge: maxAge ?? MAX_AGE_DEFAULT_SECONDS,
    maxUses: maxUses ?? 0,
    temporary: temporary ?? false,
  };
  const equal = unique ? undefined : invites.find((invite) => isEqual(invite, wanted));
  if (equal !== undefined) return ok(inviteObject(equal, guild, channel, world.bot()));
  if (invites.length >= GUILD_INVITES_MAX) return err(FAILURES.tooManyInvites);

  const invite: InviteRecord = {
    ...wanted,
    code: newCode(),
    guildId: guild.id,
    inviterId: world.botId,
    createdAt: clock(),
  };
  world.archive.addInvite(invite);
  world.archive.audit({
    guildId: guild.id,
    action: AuditLogEvent.InviteCreate,
    targetId: null,
    reason,
    changes: [{ key: "code", new_value: invite.code }],
  });
  return ok(inviteObject(invite, guild, channel, world.bot()));
}

function isEqual(
  invite: InviteRecord,
  wanted: Pick<InviteRecord, "channelId" | "maxAge" | "maxUses" | "temporary">,
): boolean {
  return (
    invite.channelId === wanted.channelId &&
    invite.maxAge === wanted.maxAge &&
    invite.maxUses === wanted.maxUses &&
    invite.temporary === wanted.temporary
  );
}

function newCode(): string {
  const letter = (): string => CODE_ALPHABET.charAt(randomInt(CODE_ALPHABET.length));
  return Array.from({ length: CODE_LENGTH }, letter).join("");
}
