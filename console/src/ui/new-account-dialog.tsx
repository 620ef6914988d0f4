import { useSignal } from "@preact/signals";
import type { JSX } from "preact";
import { useRef } from "preact/hooks";
import { failureInWords } from "../failure-words.ts";
import type { Bytes } from "../sync/base64.ts";
import { backupCodeOf } from "../sync/secret-code.ts";
import type { SyncAccount } from "../sync/sync-account.ts";
import { KeepKeyCheck } from "./code-field.tsx";
import { Dialog } from "./dialog.tsx";

/** Shows the code of a new account, this once, and creates the account when it was saved. */
export function NewAccountDialog({
  account,
  secret,
  onClose,
}: {
  readonly account: SyncAccount;
  readonly secret: Bytes;
  readonly onClose: () => void;
}): JSX.Element {
  const copied = useSignal<"no" | "yes" | "refused">("no");
  const saved = useSignal(false);
  const keep = useSignal(false);
  const problem = useSignal("");
  const sending = useSignal(false);
  const field = useRef<HTMLTextAreaElement>(null);
  const code = backupCodeOf(secret);
  const copy = async (): Promise<void> => {
    try {
      await navigator.clipboard.writeText(code);
      copied.value = "yes";
    } catch {
      copied.value = "refused";
      field.current?.select();
    }
  };
  const create = async (): Promise<void> => {
    if (sending.value) return;
    if (!saved.value) {
      problem.value = "Save the code first, and say so above.";
      return;
    }
    sending.value = true;
    const created = await account.create(secret, keep.value);
    sending.value = false;
    // The view of the account takes the place of this one.
    if (!created.ok) problem.value = failureInWords(created.failure);
  };
  return (
    <Dialog title="Save your backup code" onClose={onClose}>
      <p>
        This code is your account, and it is shown only now. Whoever has it can read everything in
        the account. If you lose it, nobody can bring it back.
      </p>
      <textarea
        ref={field}
        class="sync-code"
        rows={3}
        readOnly
        aria-label="Backup code"
        value={code}
        onFocus={(event) => event.currentTarget.select()}
      />
      <div class="sync-copy">
        <button type="button" class="button" autofocus onClick={() => void copy()}>
          Copy the code
        </button>
        <p class="muted" role="status">
          {copied.value === "yes" && "Copied. Put it into your password manager."}
          {copied.value === "refused" && "Press Ctrl+C or ⌘C to copy it."}
        </p>
      </div>
      <label class="check">
        <input
          type="checkbox"
          checked={saved.value}
          onChange={(event) => {
            saved.value = event.currentTarget.checked;
            problem.value = "";
          }}
        />
        I have saved the code
      </label>
      <KeepKeyCheck keep={keep} />
      <p class="field-error" role="alert">
        {problem.value}
      </p>
      <div class="dialog-actions">
        <button type="button" class="button" onClick={onClose}>
          Cancel
        </button>
        <button
          type="button"
          class="button-main"
          aria-disabled={sending.value}
          onClick={() => void create()}
        >
          {sending.value ? "Creating …" : "Create account"}
        </button>
      </div>
    </Dialog>
  );
}
