import type { NewRoom } from "../../src/client/resources.ts";
import {
  ROOM_ALLOWED_USERS_MAX,
  ROOM_NAME_MAX_LENGTH,
  ROOM_USER_LIMIT_DEFAULT,
  ROOM_USER_LIMIT_MAX,
} from "../../src/protocol/limits.ts";

/** The content of the form. */
export type RoomDraft = {
  readonly name: string;
  readonly userLimit: string;
  readonly private: boolean;
  /** Discord ids of the people who may join. */
  readonly allowedUserIds: readonly string[];
  /** Text in the picker that is not a person yet: part of a name, or ids. */
  readonly typed: string;
};

/** A field of the form. */
type DraftField = keyof RoomDraft;

/** Messages by field; `typed` never has one. */
export type DraftErrors = Readonly<Partial<Record<DraftField, string>>>;

/** An untouched form. */
export const EMPTY_DRAFT: RoomDraft = {
  name: "",
  userLimit: String(ROOM_USER_LIMIT_DEFAULT),
  private: false,
  allowedUserIds: [],
  typed: "",
};

/** The name of a person's room without a name, cut to the allowed length. */
export function ownRoomName(userName: string): string {
  const end = "'s room";
  const letters = Array.from(userName.trim()).slice(0, ROOM_NAME_MAX_LENGTH - end.length);
  return `${letters.join("").trimEnd()}${end}`;
}

/**
 * Parses the form: the request, or what is wrong in which field.
 * @param userName the creator's name, for a room without a name
 */
export function readDraft(
  draft: RoomDraft,
  userName: string,
):
  | { readonly ok: true; readonly room: NewRoom }
  | { readonly ok: false; readonly errors: DraftErrors } {
  const name = draft.name.trim();
  const ids = [...new Set([...draft.allowedUserIds, ...partsOf(draft.typed)])];
  const errors: DraftErrors = {
    ...nameError(name),
    ...limitError(draft.userLimit.trim()),
    ...(draft.private ? idsError(ids, draft.typed) : {}),
  };
  if (Object.keys(errors).length > 0) return { ok: false, errors };
  return {
    ok: true,
    room: {
      name: name === "" ? ownRoomName(userName) : name,
      userLimit: Number(draft.userLimit),
      ...(draft.private ? { private: true, allowedUserIds: ids } : {}),
    },
  };
}

/** The fields that a change touches. Text in the picker is left out: half a name is not an error yet. */
export function changedFields(draft: RoomDraft, changed: Partial<RoomDraft>): readonly string[] {
  return Object.entries(changed)
    .filter(([field, value]) => field !== "typed" && draft[field as DraftField] !== value)
    .map(([field]) => field);
}

/**
 * The fields that the server refused although {@link readDraft} accepted them.
 * @param fields names as the server uses them
 */
export function refusedFields(fields: readonly string[]): DraftErrors {
  return Object.fromEntries(Object.entries(REFUSED).filter(([field]) => fields.includes(field)));
}

const REFUSED: DraftErrors = {
  name: "This name is not accepted",
  userLimit: "This number is not accepted",
  allowedUserIds: "One of these is not the Discord id of a person.",
};

/** The Discord ids of a text that contains nothing else, whatever separates them; otherwise none. */
export function idsIn(text: string): readonly string[] {
  const parts = partsOf(text);
  return parts.every((part) => NUMBER.test(part)) ? parts : [];
}

function partsOf(text: string): readonly string[] {
  return text.split(/[\s,;]+/).filter((part) => part !== "");
}

function nameError(name: string): DraftErrors {
  const length = Array.from(name).length;
  if (length <= ROOM_NAME_MAX_LENGTH) return {};
  return { name: `${length} of ${ROOM_NAME_MAX_LENGTH} characters` };
}

function limitError(limit: string): DraftErrors {
  if (/^\d{1,4}$/.test(limit) && Number(limit) <= ROOM_USER_LIMIT_MAX) return {};
  return { userLimit: `0 to ${ROOM_USER_LIMIT_MAX} only` };
}

/** Discord's ids are long numbers. The local Discord has shorter ones. */
const NUMBER = /^\d{1,22}$/;

function idsError(ids: readonly string[], typed: string): DraftErrors {
  if (ids.length > ROOM_ALLOWED_USERS_MAX) {
    return {
      allowedUserIds: `${ids.length} people: at most ${ROOM_ALLOWED_USERS_MAX} can be listed.`,
    };
  }
  if (ids.every((id) => NUMBER.test(id))) return {};
  return {
    allowedUserIds: `“${typed.trim().slice(0, 40)}” is nobody yet: pick somebody from the list, or paste a Discord id, which is a long number.`,
  };
}
