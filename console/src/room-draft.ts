import type { NewRoom } from "../../src/client/resources.ts";
import {
  ROOM_ALLOWED_USERS_MAX,
  ROOM_NAME_MAX_LENGTH,
  ROOM_USER_LIMIT_DEFAULT,
  ROOM_USER_LIMIT_MAX,
} from "../../src/protocol/limits.ts";

/** What stands in the form. */
export type RoomDraft = {
  readonly name: string;
  readonly userLimit: string;
  readonly private: boolean;
  /** Discord ids of who may come in. */
  readonly allowedUserIds: readonly string[];
  /** What is typed beside them and is nobody yet: a part of a name, or ids. */
  readonly typed: string;
};

/** A field of the form. */
type DraftField = keyof RoomDraft;

/** Messages by field; `typed` has none of its own. */
export type DraftErrors = Readonly<Partial<Record<DraftField, string>>>;

/** An untouched form. */
export const EMPTY_DRAFT: RoomDraft = {
  name: "",
  userLimit: String(ROOM_USER_LIMIT_DEFAULT),
  private: false,
  allowedUserIds: [],
  typed: "",
};

/** What somebody's room is called when they give it no name, as long as a name may be. */
export function ownRoomName(userName: string): string {
  const end = "'s room";
  const letters = Array.from(userName.trim()).slice(0, ROOM_NAME_MAX_LENGTH - end.length);
  return `${letters.join("").trimEnd()}${end}`;
}

/**
 * Reads the form: the request that it stands for, or what is wrong in which field.
 * @param userName whose room it is, for a room that gets no name
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

/** The fields that a change touches. Half a name is no mistake yet: what is typed for the picker is none. */
export function changedFields(draft: RoomDraft, changed: Partial<RoomDraft>): readonly string[] {
  return Object.entries(changed)
    .filter(([field, value]) => field !== "typed" && draft[field as DraftField] !== value)
    .map(([field]) => field);
}

/** What the server did not take though {@link readDraft} did. @param fields as it names them */
export function refusedFields(fields: readonly string[]): DraftErrors {
  return Object.fromEntries(Object.entries(REFUSED).filter(([field]) => fields.includes(field)));
}

const REFUSED: DraftErrors = {
  name: "This name is not accepted",
  userLimit: "This number is not accepted",
  allowedUserIds: "One of these is not the Discord id of a person.",
};

/** Discord ids of a text that holds nothing else, however they are separated; else none. */
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

/** How Discord writes its ids: long numbers. Shorter ones are of the local Discord. */
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
