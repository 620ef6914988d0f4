import { PermissionFlagsBits } from "discord-api-types/v10";
import { err, ok } from "../../../src/platform/result.ts";
import { auditLogEntryObject, guildObject, roleObject, userObject } from "../objects.ts";
import { findGuild } from "./access.ts";
import { FAILURES } from "./failure.ts";
import type { Outcome, RestCall } from "./request.ts";

const AUDIT_LOG_PAGE_DEFAULT = 50;
const AUDIT_LOG_PAGE_MAX = 100;

/** `GET /guilds/:guildId`. A guild without the bot is unknown to it. */
export function getGuild({ world, guildId }: RestCall): Outcome {
  const known = world.guilds.get(guildId);
  if (known !== undefined && !world.isIn(known)) return err(FAILURES.unknownGuild);
  const guild = findGuild(world, guildId);
  return guild.ok ? ok(guildObject(guild.value)) : guild;
}

/** `GET /guilds/:guildId/roles` */
export function listRoles({ world, guildId }: RestCall): Outcome {
  const guild = findGuild(world, guildId);
  return guild.ok ? ok(guild.value.roles.map(roleObject)) : guild;
}

/** `GET /guilds/:guildId/audit-logs`: newest first, with `after` oldest first. */
export function getAuditLog({ world, guildId, form }: RestCall): Outcome {
  const guild = findGuild(world, guildId, PermissionFlagsBits.ViewAuditLog);
  if (!guild.ok) return guild;
  const limit =
    form.integer("limit", { min: 1, max: AUDIT_LOG_PAGE_MAX }) ?? AUDIT_LOG_PAGE_DEFAULT;
  const action = form.integer("action_type", { min: 0, max: 1_000 });
  const before = form.snowflake("before");
  const after = form.snowflake("after");
  const userId = form.raw("user_id");
  const invalid = form.failure();
  if (invalid !== null) return err(invalid);

  const matching = world.archive
    .auditLogOf(guildId)
    .filter(
      (entry) =>
        (action === undefined || entry.action === action) &&
        (userId === undefined || entry.userId === userId) &&
        (before === undefined || BigInt(entry.id) < BigInt(before)) &&
        (after === undefined || BigInt(entry.id) > BigInt(after)),
    );
  const ordered = after === undefined ? matching.toReversed() : matching;
  const entries = ordered.slice(0, limit);
  const users = new Set(entries.map((entry) => entry.userId));
  return ok({
    application_commands: [],
    audit_log_entries: entries.map(auditLogEntryObject),
    auto_moderation_rules: [],
    guild_scheduled_events: [],
    integrations: [],
    threads: [],
    users: [...users].map((id) => userObject(world.user(id))),
    webhooks: [],
  });
}
