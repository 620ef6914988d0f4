import { type RESTErrorFieldInformation, RESTJSONErrorCodes as Codes } from "discord-api-types/v10";

/** Errors by field. Discord names items of a list by their index. */
export interface ErrorTree {
  [field: string]: ErrorTree | RESTErrorFieldInformation[];
}

/** A refusal in Discord's form: an HTTP status, one of Discord's error codes, a message. */
export interface Failure {
  readonly status: 400 | 401 | 403 | 404 | 405 | 500;
  readonly code: number;
  readonly message: string;
  /** Only for an invalid form: the errors of its fields. */
  readonly errors?: ErrorTree;
}

const failure = (status: Failure["status"], code: number, message: string): Failure => ({
  status,
  code,
  message,
});

/** Every refusal that has no details of its own. */
export const FAILURES = {
  unauthorized: failure(401, 0, "401: Unauthorized"),
  notFound: failure(404, 0, "404: Not Found"),
  methodNotAllowed: failure(405, 0, "405: Method Not Allowed"),
  invalidVersion: failure(400, Codes.InvalidAPIVersion, "Invalid API version provided"),
  invalidJson: failure(
    400,
    Codes.RequestBodyContainsInvalidJSON,
    "The request body contains invalid JSON.",
  ),
  unknownChannel: failure(404, Codes.UnknownChannel, "Unknown Channel"),
  unknownGuild: failure(404, Codes.UnknownGuild, "Unknown Guild"),
  unknownMember: failure(404, Codes.UnknownMember, "Unknown Member"),
  unknownOverwrite: failure(404, Codes.UnknownPermissionOverwrite, "Unknown Overwrite"),
  invalidRole: failure(400, Codes.InvalidRole, "Invalid Role"),
  unknownUser: failure(404, Codes.UnknownUser, "Unknown User"),
  unknownVoiceState: failure(404, Codes.UnknownVoiceState, "Unknown Voice State"),
  tooManyChannels: failure(
    400,
    Codes.MaximumNumberOfGuildChannelsReached,
    "Maximum number of server channels reached (500)",
  ),
  tooManyInvites: failure(
    400,
    Codes.MaximumNumberOfInvitesReached,
    "Maximum number of invites reached (1000)",
  ),
  notInVoice: failure(
    400,
    Codes.TargetUserIsNotConnectedToVoice,
    "Target user is not connected to voice.",
  ),
  missingAccess: failure(403, Codes.MissingAccess, "Missing Access"),
  missingPermissions: failure(403, Codes.MissingPermissions, "Missing Permissions"),
  wrongChannelType: failure(
    400,
    Codes.CannotExecuteActionOnThisChannelType,
    "Cannot execute action on this channel type",
  ),
  emptyMessage: failure(400, Codes.CannotSendAnEmptyMessage, "Cannot send an empty message"),
  cannotMessageUser: failure(
    403,
    Codes.CannotSendMessagesToThisUser,
    "Cannot send messages to this user",
  ),
  noMutualGuild: failure(
    403,
    Codes.CannotSendMessagesToThisUserDueToHavingNoMutualGuilds,
    "Cannot send messages to this user due to having no mutual guilds",
  ),
  otherApplication: failure(
    403,
    Codes.NotAuthorizedToPerformThisActionOnThisApplication,
    "You are not authorized to perform this action on this application",
  ),
  tooManyCommands: failure(
    400,
    Codes.MaximumNumberOfApplicationCommandsReached,
    "Maximum number of application commands reached (100)",
  ),
} as const satisfies Record<string, Failure>;

/** A form with fields that Discord refuses. */
export function invalidForm(errors: ErrorTree): Failure {
  return {
    status: 400,
    code: Codes.InvalidFormBodyOrContentType,
    message: "Invalid Form Body",
    errors,
  };
}
