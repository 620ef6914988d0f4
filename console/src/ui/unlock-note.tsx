import { useSignal } from "@preact/signals";
import type { JSX } from "preact";
import { secretIn } from "../sync/secret-code.ts";
import type { SyncAccount } from "../sync/sync-account.ts";
import { CodeField, KeepKeyCheck, NO_CODE } from "./code-field.tsx";
import { LockIcon } from "./icons.tsx";
import { focusTitle } from "./view-head.tsx";

/** Says that names are encrypted, and takes the key to read them. */
export function UnlockNote({ account }: { readonly account: SyncAccount }): JSX.Element {
  const open = useSignal(false);
  return (
    <section class="card sync-locked" aria-label="Encrypted names">
      <p>
        <LockIcon /> Names and folders are encrypted. Your backup code opens them, on this page
        alone.
      </p>
      {open.value ? (
        <UnlockForm account={account} action="Show names" />
      ) : (
        <button
          type="button"
          class="button"
          onClick={() => {
            open.value = true;
          }}
        >
          Paste the code
        </button>
      )}
    </section>
  );
}

/** Takes the key of the account that is signed in. */
export function UnlockForm({
  account,
  action,
  onCancel = null,
}: {
  readonly account: SyncAccount;
  /** What the person gets by it. */
  readonly action: string;
  /** In a dialog; null: there is nothing to leave. */
  readonly onCancel?: (() => void) | null;
}): JSX.Element {
  const code = useSignal("");
  const keep = useSignal(false);
  const problem = useSignal("");
  const unlock = async (): Promise<void> => {
    const secret = secretIn(code.value);
    if (secret === null) problem.value = NO_CODE;
    else if (await account.unlock(secret, keep.value)) focusTitle();
    else problem.value = "This is the code of another account.";
  };
  return (
    <form
      class="sync-form"
      onSubmit={(event) => {
        event.preventDefault();
        void unlock();
      }}
    >
      <CodeField code={code} problem={problem} hint="It does not leave this page." takesFocus />
      <KeepKeyCheck keep={keep} />
      {onCancel === null ? (
        <button type="submit" class="button-main">
          {action}
        </button>
      ) : (
        <div class="dialog-actions">
          <button type="button" class="button" onClick={onCancel}>
            Cancel
          </button>
          <button type="submit" class="button-main">
            {action}
          </button>
        </div>
      )}
    </form>
  );
}
