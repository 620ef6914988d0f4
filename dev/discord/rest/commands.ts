import { ApplicationCommandOptionType, ApplicationCommandType } from "discord-api-types/v10";
import { err, ok, type Result } from "../../../src/platform/result.ts";
import type { CommandOption, CommandRecord } from "../model.ts";
import { type Failure, FAILURES, invalidForm } from "./failure.ts";
import { type Form, present, readList } from "./form.ts";
import type { Outcome, RestCall } from "./request.ts";

/** The fields of a command that an application sets. */
type CommandFields = Omit<CommandRecord, "id" | "version" | "guildId">;

/** Letters and digits of any language. `readName` also requires lower case where it exists. */
const NAME = /^[-_'\p{L}\p{N}\p{sc=Deva}\p{sc=Thai}]{1,32}$/u;
const DESCRIPTION_MAX_LENGTH = 100;
const OPTIONS_MAX = 25;
const TEXT_MAX_LENGTH = 6_000;
const CONTEXTS: readonly number[] = [0, 1, 2];

const { String: TEXT, User: USER } = ApplicationCommandOptionType;

const COMMANDS_MAX = 100;
const CHAT_INPUT = 1;

/** Selects commands by application and guild; `guildId` empty: the global commands. */
type CommandScope = Pick<RestCall, "world" | "applicationId" | "guildId">;

/** `GET /applications/:applicationId/commands`, or of one guild. */
export function listCommands(call: RestCall): Outcome {
  const { world } = call;
  const guildId = findScope(call);
  if (!guildId.ok) return guildId;
  return ok(world.archive.commandsOf(guildId.value).map((it) => commandObject(it, world.botId)));
}

/** `PUT` at the same address: replaces all commands. A command with the same name keeps its id. */
export function replaceCommands(
  call: CommandScope & Pick<RestCall, "newId">,
  body: unknown,
): Outcome {
  const { world, newId } = call;
  const guildId = findScope(call);
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

/** The guild's id; null: global commands. An application's id equals its bot's id. */
function findScope({
  world,
  applicationId,
  guildId,
}: CommandScope): Result<string | null, Failure> {
  if (applicationId !== world.botId) return err(FAILURES.otherApplication);
  if (guildId === "") return ok(null);
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

/** Reads a list of slash commands. Errors are named by their index in the list. */
function readCommands(body: unknown): Result<readonly CommandFields[], Failure> {
  const { items: commands, errors } = readList(body, readCommand);
  for (const [index, { name }] of commands.entries()) {
    if (commands.findIndex((other) => other.name === name) === index) continue;
    const message = "Application command names must be unique";
    errors[index] ??= { _errors: [{ code: "APPLICATION_COMMANDS_DUPLICATE_NAME", message }] };
  }
  return Object.keys(errors).length === 0 ? ok(commands) : err(invalidForm(errors));
}

function readCommand(form: Form): CommandFields {
  form.choice("type", [ApplicationCommandType.ChatInput]);
  return {
    name: readName(form),
    description: readDescription(form),
    options: readOptions(form),
    defaultMemberPermissions: form.permissions("default_member_permissions") ?? null,
    contexts: readContexts(form),
  };
}

function readName(form: Form): string {
  const name = form.text("name", { min: 1, max: 32, required: true });
  if (name !== undefined && !(NAME.test(name) && name === name.toLowerCase())) {
    form.refuse("name", "APPLICATION_COMMAND_INVALID_NAME", "Command name is invalid");
  }
  return name ?? "";
}

function readDescription(form: Form): string {
  return form.text("description", { min: 1, max: DESCRIPTION_MAX_LENGTH, required: true }) ?? "";
}

function readOptions(form: Form): readonly CommandOption[] {
  const options = form.list("options", readOption) ?? [];
  if (options.length > OPTIONS_MAX) {
    const message = `Must be ${OPTIONS_MAX} or fewer in length.`;
    form.refuse("options", "BASE_TYPE_MAX_LENGTH", message);
  }
  if (new Set(options.map(({ name }) => name)).size < options.length) {
    const message = "Option name already exists";
    form.refuse("options", "APPLICATION_COMMAND_OPTIONS_NAME_ALREADY_EXISTS", message);
  }
  const firstOptional = options.findIndex(({ required }) => required !== true);
  const lastRequired = options.findLastIndex(({ required }) => required === true);
  if (firstOptional !== -1 && lastRequired > firstOptional) {
    const message = "Required options must be placed before non-required options";
    form.refuse("options", "APPLICATION_COMMAND_OPTIONS_REQUIRED_INVALID", message);
  }
  return options;
}

function readOption(form: Form): CommandOption {
  const range = { min: 0, max: TEXT_MAX_LENGTH };
  return {
    type: form.choice("type", [TEXT, USER], { required: true }) ?? TEXT,
    name: readName(form),
    description: readDescription(form),
    ...present({
      required: form.flag("required"),
      min_length: form.integer("min_length", range),
      max_length: form.integer("max_length", range),
    }),
  };
}

function readContexts(form: Form): readonly number[] | null {
  const raw = form.raw("contexts") ?? null;
  if (raw === null) return null;
  const contexts = Array.isArray(raw) ? raw : [raw];
  const known = CONTEXTS.filter((context) => contexts.includes(context));
  if (known.length > 0 && known.length === contexts.length) return known;
  const message = `Value must be one of {${CONTEXTS.join(", ")}}.`;
  form.refuse("contexts", "BASE_TYPE_CHOICES", message);
  return null;
}
