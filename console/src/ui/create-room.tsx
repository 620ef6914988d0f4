import { useSignal } from "@preact/signals";
import type { ComponentChildren, JSX } from "preact";
import { useId, useRef } from "preact/hooks";
import { ROOM_USER_LIMIT_MAX } from "../../../src/protocol/limits.ts";
import type { Guild } from "../guild.ts";
import { notify } from "../notices.ts";
import { type DraftErrors, type DraftField, EMPTY_DRAFT, readDraft } from "../room-draft.ts";

/** The form that opens a room. */
export function CreateRoom({
  guild,
  guildId,
}: {
  readonly guild: Guild;
  readonly guildId: string | undefined;
}): JSX.Element {
  const draft = useSignal(EMPTY_DRAFT);
  const errors = useSignal<DraftErrors>({});
  const problem = useSignal("");
  const sending = useSignal(false);
  const form = useRef<HTMLFormElement>(null);
  // The same request keeps its key, so that trying again after a lost answer opens no second room.
  const request = useRef({ text: "", key: "" });

  const change = (field: DraftField, value: string | boolean): void => {
    draft.value = { ...draft.value, [field]: value };
    // While typing, not on leaving the field: a message that appears then moves what is clicked.
    const read = readDraft(draft.value);
    const { [field]: _old, ...others } = errors.value;
    const error = read.ok || value === "" ? undefined : read.errors[field];
    errors.value = error === undefined ? others : { ...others, [field]: error };
  };
  const focusFirstError = (): void => {
    requestAnimationFrame(() => {
      form.current?.querySelector<HTMLElement>("[aria-invalid=true]")?.focus();
    });
  };

  const submit = async (): Promise<void> => {
    if (sending.value) return;
    problem.value = "";
    const read = readDraft(draft.value);
    errors.value = read.ok ? {} : read.errors;
    if (!read.ok) {
      focusFirstError();
      return;
    }
    const room = guildId === undefined ? read.room : { ...read.room, guildId };
    const text = JSON.stringify(room);
    if (request.current.text !== text) request.current = { text, key: crypto.randomUUID() };
    sending.value = true;
    const sent = draft.value;
    const outcome = await guild.api.createRoom(room, request.current.key);
    sending.value = false;
    if (outcome.ok) {
      request.current = { text: "", key: "" };
      // What was typed meanwhile is for the next room.
      if (draft.value === sent) draft.value = EMPTY_DRAFT;
      notify("good", `${outcome.value.name} is open.`);
      return;
    }
    const fields = outcome.failure.fields ?? {};
    const known = Object.keys(fields).filter((field) => field in EMPTY_DRAFT);
    if (known.length === 0) problem.value = outcome.failure.message;
    else errors.value = fields;
    focusFirstError();
  };

  const { name, userLimit, private: isPrivate, allowedUserIds } = draft.value;
  return (
    <section class="card" aria-labelledby="open-a-room">
      <h2 id="open-a-room">Open a room</h2>
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
          <Field label="Name" hint="Left empty, it gets one" error={errors.value.name}>
            {(aria) => (
              <input
                {...aria}
                type="text"
                autoComplete="off"
                placeholder="Optional"
                value={name}
                onInput={(event) => change("name", event.currentTarget.value)}
              />
            )}
          </Field>
          <Field label="Limit" hint="0: no limit" error={errors.value.userLimit}>
            {(aria) => (
              <input
                {...aria}
                type="number"
                inputMode="numeric"
                min={0}
                max={ROOM_USER_LIMIT_MAX}
                value={userLimit}
                onInput={(event) => change("userLimit", event.currentTarget.value)}
              />
            )}
          </Field>
        </div>
        <label class="check">
          <input
            type="checkbox"
            checked={isPrivate}
            onChange={(event) => change("private", event.currentTarget.checked)}
          />
          <span>
            Private <span class="muted">– only you and the people you list see it</span>
          </span>
        </label>
        {isPrivate && (
          <Field
            label="Who may come in"
            hint="Discord ids, separated by spaces or lines"
            error={errors.value.allowedUserIds}
          >
            {(aria) => (
              <textarea
                {...aria}
                rows={2}
                spellcheck={false}
                value={allowedUserIds}
                onInput={(event) => change("allowedUserIds", event.currentTarget.value)}
              />
            )}
          </Field>
        )}
        <div class="create-end">
          <button type="submit" class="button-main" aria-disabled={sending.value}>
            {sending.value ? "Opening…" : "Open room"}
          </button>
          <p class="field-error" role="alert">
            {problem.value}
          </p>
        </div>
      </form>
    </section>
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
