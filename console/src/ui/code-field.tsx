import type { Signal } from "@preact/signals";
import type { JSX } from "preact";
import { useId } from "preact/hooks";
import { PastedField } from "./pasted-field.tsx";

/** What is wrong with a text that is no backup code. */
export const NO_CODE =
  "This is not a whole backup code. It has 52 letters and digits, in groups of five.";

/** The field for a backup code. */
export function CodeField({
  code,
  problem,
  hint,
  takesFocus = false,
}: {
  readonly code: Signal<string>;
  /** What is wrong with it; empty: nothing. */
  readonly problem: Signal<string>;
  readonly hint: string;
  /** Whether it was asked for, so that the person goes on in it. */
  readonly takesFocus?: boolean;
}): JSX.Element {
  return (
    <PastedField
      label="Backup code"
      text={code}
      problem={problem}
      hint={hint}
      takesFocus={takesFocus}
      autocapitalize="characters"
    />
  );
}

/** Whether this browser keeps the key, and what that means. */
export function KeepKeyCheck({ keep }: { readonly keep: Signal<boolean> }): JSX.Element {
  const id = useId();
  return (
    <div>
      <label class="check">
        <input
          type="checkbox"
          checked={keep.value}
          aria-describedby={id}
          onChange={(event) => {
            keep.value = event.currentTarget.checked;
          }}
        />
        Keep the key in this browser
      </label>
      <p class="field-hint check-hint" id={id}>
        {keep.value
          ? `It is stored unprotected in this browser, for ${location.host}. Only do this on a device of your own.`
          : "Otherwise it is gone when this page is reloaded or closed, and names are encrypted until you paste the code again."}
      </p>
    </div>
  );
}
