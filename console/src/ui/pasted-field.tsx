import type { Signal } from "@preact/signals";
import type { ComponentChildren, JSX } from "preact";
import { useId, useLayoutEffect, useRef } from "preact/hooks";

/** A field for a code or a link that is pasted: one line, shown in two because it is long. Enter sends the form. */
export function PastedField({
  label,
  text,
  problem,
  hint,
  takesFocus,
  ...input
}: {
  readonly label: string;
  readonly text: Signal<string>;
  /** What is wrong with it; empty: nothing. */
  readonly problem: Signal<string>;
  readonly hint: ComponentChildren;
  /** Whether the person goes on in it. */
  readonly takesFocus: boolean;
  readonly autocapitalize?: "characters";
  readonly placeholder?: string;
}): JSX.Element {
  const id = useId();
  const field = useRef<HTMLTextAreaElement>(null);
  // Before the next key: after a paint, what a person types at once would go elsewhere.
  useLayoutEffect(() => {
    if (takesFocus) field.current?.focus();
  }, []);
  return (
    <div class="field">
      <label for={id}>{label}</label>
      <textarea
        ref={field}
        id={id}
        class="sync-code"
        rows={2}
        autocomplete="off"
        spellcheck={false}
        autofocus={takesFocus}
        {...input}
        value={text.value}
        aria-invalid={problem.value !== ""}
        aria-describedby={`${id}-hint ${id}-error`}
        onInput={(event) => {
          text.value = event.currentTarget.value;
          problem.value = "";
        }}
        onKeyDown={(event) => {
          if (event.key !== "Enter") return;
          event.preventDefault();
          event.currentTarget.form?.requestSubmit();
        }}
      />
      <p class="field-error" id={`${id}-error`} role="alert">
        {problem.value}
      </p>
      <p class="field-hint" id={`${id}-hint`}>
        {hint}
      </p>
    </div>
  );
}
