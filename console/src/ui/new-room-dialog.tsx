import { useSignal } from "@preact/signals";
import type { ComponentChildren, JSX } from "preact";
import { useCallback, useId, useRef } from "preact/hooks";
import { ROOM_USER_LIMIT_MAX } from "../../../src/protocol/limits.ts";
import type { Guild } from "../guild.ts";
import { CONTROL_URL } from "../local-discord.ts";
import { notify } from "../notices.ts";
import {
  changedFields,
  type DraftErrors,
  EMPTY_DRAFT,
  ownRoomName,
  readDraft,
  refusedFields,
  type RoomDraft,
} from "../room-draft.ts";
import type { SignedIn } from "../sign-in.ts";
import { Dialog } from "./dialog.tsx";
import { useProblem } from "./hooks.ts";
import { PeoplePicker } from "./people-picker.tsx";

/** Opens a room. */
export function NewRoomDialog({
  guild,
  guildId,
  user: { name: userName, claims },
  onClose,
}: {
  readonly guild: Guild;
  readonly guildId: string | undefined;
  readonly user: SignedIn;
  /** Called with the new room's channel; null: none was opened. */
  readonly onClose: (channelId: string | null) => void;
}): JSX.Element {
  const draft = useSignal(EMPTY_DRAFT);
  const errors = useSignal<DraftErrors>({});
  const problem = useProblem(guild, "open");
  const sending = useSignal(false);
  const form = useRef<HTMLFormElement>(null);
  // The same request keeps its key, so that a retry after a lost answer opens no second room.
  const request = useRef({ text: "", key: "" });

  const change = (changed: Partial<RoomDraft>): void => {
    const touched = changedFields(draft.value, changed);
    draft.value = { ...draft.value, ...changed };
    // An error disappears as soon as it is fixed. A new one appears while typing, not when the field loses
    // the focus: that would move what is being clicked.
    const read = readDraft(draft.value, userName);
    const found = read.ok ? {} : read.errors;
    errors.value = Object.fromEntries(
      Object.entries(found).filter(([field]) => field in errors.value || touched.includes(field)),
    );
  };
  const focusFirstError = (): void => {
    requestAnimationFrame(() => {
      form.current?.querySelector<HTMLElement>("[aria-invalid=true]")?.focus();
    });
  };
  const ask = useCallback((text: string) => guild.findPeople(text), [guild]);

  const submit = async (): Promise<void> => {
    if (sending.value) return;
    problem.clear();
    const read = readDraft(draft.value, userName);
    errors.value = read.ok ? {} : read.errors;
    if (!read.ok) {
      focusFirstError();
      return;
    }
    const room = guildId === undefined ? read.room : { ...read.room, guildId };
    const text = JSON.stringify(room);
    if (request.current.text !== text) request.current = { text, key: crypto.randomUUID() };
    sending.value = true;
    const outcome = await guild.api.createRoom(room, request.current.key);
    sending.value = false;
    if (outcome.ok) {
      notify(`${outcome.value.name} is open.`);
      onClose(outcome.value.channelId);
      return;
    }
    const refused = refusedFields(Object.keys(outcome.failure.fields ?? {}));
    if (Object.keys(refused).length > 0) errors.value = refused;
    else problem.show(outcome.failure);
    focusFirstError();
  };

  const { name, userLimit, private: isPrivate, allowedUserIds, typed } = draft.value;
  return (
    <Dialog title="New room" onClose={() => onClose(null)}>
      <form
        ref={form}
        class="create"
        noValidate
        onSubmit={(event) => {
          event.preventDefault();
          void submit();
        }}
      >
        <div class="create-row">
          <Field label="Name" hint="Optional" error={errors.value.name}>
            {(aria) => (
              <input
                {...aria}
                type="text"
                autofocus
                autoComplete="off"
                placeholder={ownRoomName(userName)}
                value={name}
                onInput={(event) => change({ name: event.currentTarget.value })}
              />
            )}
          </Field>
          <Field label="Seats" hint="0: no limit" error={errors.value.userLimit}>
            {(aria) => (
              <input
                {...aria}
                type="number"
                inputMode="numeric"
                min={0}
                max={ROOM_USER_LIMIT_MAX}
                value={userLimit}
                onInput={(event) => change({ userLimit: event.currentTarget.value })}
              />
            )}
          </Field>
        </div>
        <Privacy
          isPrivate={isPrivate}
          hasAccount={claims.discordId !== undefined}
          onChange={(checked) => change({ private: checked })}
        />
        {isPrivate && (
          <Field
            label="Who may come in"
            hint="Besides you. Only people who were in voice are offered; paste a Discord id for others."
            error={errors.value.allowedUserIds}
          >
            {(aria) => (
              <PeoplePicker
                inputId={aria.id}
                describedBy={aria["aria-describedby"]}
                invalid={aria["aria-invalid"]}
                chosen={allowedUserIds}
                leftOut={claims.discordId === undefined ? [] : [claims.discordId]}
                typed={typed}
                ask={ask}
                onChange={(chosen, text) => change({ allowedUserIds: chosen, typed: text })}
              />
            )}
          </Field>
        )}
        <p class="field-error" role="alert">
          {problem.text}
        </p>
        <div class="dialog-actions">
          <button type="button" class="button" onClick={() => onClose(null)}>
            Cancel
          </button>
          <button type="submit" class="button-main" aria-disabled={sending.value}>
            {sending.value ? "Opening …" : "Open room"}
          </button>
        </div>
      </form>
    </Dialog>
  );
}

/** Whether a room is private. Without a Discord account its creator could not join it. */
function Privacy({
  isPrivate,
  hasAccount,
  onChange,
}: {
  readonly isPrivate: boolean;
  readonly hasAccount: boolean;
  readonly onChange: (checked: boolean) => void;
}): JSX.Element {
  const hint = useId();
  return (
    <div>
      <label class="check">
        <input
          type="checkbox"
          checked={isPrivate}
          aria-disabled={!hasAccount}
          aria-describedby={hint}
          onClick={(event) => {
            if (!hasAccount) event.preventDefault();
          }}
          onChange={(event) => onChange(event.currentTarget.checked)}
        />
        <span>Private</span>
      </label>
      <p id={hint} class="field-hint check-hint">
        {hasAccount
          ? "Only you and the people you list see it and get in."
          : `Your sign-in does not say which Discord account is yours, so you could not get into a private room yourself. ${
              CONTROL_URL === undefined
                ? "Ask the operator of this page to add it to the sign-in."
                : "In the local stack: sign out, and give a Discord id when you sign in."
            }`}
      </p>
    </div>
  );
}

type FieldAria = {
  readonly id: string;
  readonly "aria-invalid": boolean;
  readonly "aria-describedby": string;
};

function Field({
  label,
  hint,
  error,
  children,
}: {
  readonly label: string;
  readonly hint: string;
  readonly error: string | undefined;
  readonly children: (aria: FieldAria) => ComponentChildren;
}): JSX.Element {
  const id = useId();
  const aria = {
    id,
    "aria-invalid": error !== undefined,
    "aria-describedby": `${id}-words`,
  };
  return (
    <div class="field">
      <label htmlFor={id}>{label}</label>
      {children(aria)}
      <p id={`${id}-words`} class={error === undefined ? "field-hint" : "field-error"}>
        {error ?? hint}
      </p>
    </div>
  );
}
