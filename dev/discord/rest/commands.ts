import { err, ok, type Result } from "../../../src/platform/result.ts";
import type { CommandRecord } from "../model.ts";
import type { World } from "../world.ts";
import { type CommandFields, readCommands } from "./command-form.ts";
import { type Failure, FAILURES } from "./failure.ts";

const COMMANDS_MAX = 100;
const CHAT_INPUT = 1;

/** Whose commands, and where: without a guild those of all guilds. */
interface CommandScope {
  readonly applicationId: string;
  readonly guildId?: string;
}

/** `GET /applications/:applicationId/commands`, or those of a guild. */
export function listCommands(world: World, scope: CommandScope): Result<unknown, Failure> {
  const guildId = findScope(world, scope);
  if (!guildId.ok) return guildId;
  return ok(world.archive.commandsOf(guildId.value).map((it) => commandObject(it, world.botId)));
}

/** `PUT` of the same: replaces all of them. A command of the same name keeps its id. */
export function replaceCommands(
  world: World,
  scope: CommandScope,
  body: unknown,
  newId: () => string,
): Result<unknown, Failure> {
  const guildId = findScope(world, scope);
  if (!guildId.ok) return guildId;
  const commands = readCommands(body);
  if (!commands.ok) return commands;
  if (commands.value.length > COMMANDS_MAX) return err(FAILURES.tooManyCommands);
  const before = world.archive.commandsOf(guildId.value);
  const after = commands.value.map((fields): CommandRecord => {
    const known = before.find(({ name }) => name === fields.name);
    return known !== undefined && isEqual(known, fields)
      ? known
      : { ...fields, id: known?.id ?? newId(), version: newId(), guildId: guildId.value };
  });
  world.archive.setCommands(guildId.value, after);
  return ok(after.map((command) => commandObject(command, world.botId)));
}

/** The guild's id, or null for all of them. An application's id is its bot's. */
function findScope(
  world: World,
  { applicationId, guildId = null }: { applicationId: string; guildId?: string | null },
): Result<string | null, Failure> {
  if (applicationId !== world.botId) return err(FAILURES.otherApplication);
  if (guildId === null) return ok(null);
  const guild = world.guilds.get(guildId);
  if (guild === undefined || !world.isIn(guild)) return err(FAILURES.missingAccess);
  return ok(guildId);
}

function isEqual(known: CommandRecord, fields: CommandFields): boolean {
  const { id: _, version: __, guildId: ___, ...rest } = known;
  return JSON.stringify(rest) === JSON.stringify(fields);
}

function commandObject(command: CommandRecord, applicationId: string): Record<string, unknown> {
  return {
    id: command.id,
    application_id: applicationId,
    ...(command.guildId === null ? {} : { guild_id: command.guildId }),
    version: command.version,
    type: CHAT_INPUT,
    name: command.name,
    name_localizations: null,
    description: command.description,
    description_localizations: null,
    ...(command.options.length === 0 ? {} : { options: command.options }),
    default_member_permissions: command.defaultMemberPermissions,
    contexts: command.contexts,
    integration_types: [0],
    nsfw: false,
  };
}
