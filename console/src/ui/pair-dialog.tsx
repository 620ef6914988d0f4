import { useSignal } from "@preact/signals";
import type { JSX } from "preact";
import { useEffect } from "preact/hooks";
import { failureInWords } from "../failure-words.ts";
import { notify } from "../notices.ts";
import type { WaitingTerminal } from "../sync/pairing.ts";
import type { SyncAccount } from "../sync/sync-account.ts";
import { notFoundInWords, notLetInInWords, terminalKeyStart } from "../sync/sync-words.ts";
import { CameraScan, canScan } from "./camera-scan.tsx";
import { Dialog } from "./dialog.tsx";
import { PastedField } from "./pasted-field.tsx";
import { UnlockForm } from "./unlock-note.tsx";

/** Lets a terminal into the account: its link, then what it will be able to do, then the answer. */
export function PairDialog({
  account,
  link,
  onClose,
}: {
  readonly account: SyncAccount;
  /** A link that the page was opened with; empty: none. */
  readonly link: string;
  readonly onClose: () => void;
}): JSX.Element {
  const found = useSignal<WaitingTerminal | null>(null);
  if (!account.hasKey.value) {
    return (
      <Dialog title="Pair a terminal" onClose={onClose}>
        <p>
          The terminal gets an encrypted answer, and only the account's key can make one. Paste the
          backup code to go on.
        </p>
        <UnlockForm account={account} action="Continue" onCancel={onClose} />
      </Dialog>
    );
  }
  return found.value === null ? (
    <FindStep
      account={account}
      link={link}
      onFound={(terminal) => {
        found.value = terminal;
      }}
      onClose={onClose}
    />
  ) : (
    <AllowStep account={account} terminal={found.value} onClose={onClose} />
  );
}

function FindStep({
  account,
  link,
  onFound,
  onClose,
}: {
  readonly account: SyncAccount;
  readonly link: string;
  readonly onFound: (terminal: WaitingTerminal) => void;
  readonly onClose: () => void;
}): JSX.Element {
  const text = useSignal(link);
  const problem = useSignal("");
  const asking = useSignal(false);
  const scanning = useSignal(false);
  const find = async (): Promise<void> => {
    if (asking.value) return;
    asking.value = true;
    const outcome = await account.findTerminal(text.value);
    asking.value = false;
    if (!outcome.ok) problem.value = failureInWords(outcome.failure);
    else if (outcome.value.kind === "waiting") onFound(outcome.value.terminal);
    else problem.value = notFoundInWords(outcome.value.kind, location.origin);
  };
  useEffect(() => {
    if (link !== "") void find();
  }, []);
  return (
    <Dialog title="Pair a terminal" onClose={onClose}>
      <form
        class="sync-form"
        onSubmit={(event) => {
          event.preventDefault();
          void find();
        }}
      >
        <PastedField
          label="Link of the terminal"
          text={text}
          problem={problem}
          hint={
            <>
              <code>npx happy auth login</code> prints it below its picture. Add{" "}
              <code>--force</code> if it says that it is already authenticated.
            </>
          }
          takesFocus
          placeholder="happy://terminal?…"
        />
        {scanning.value && (
          <CameraScan
            onFound={(scanned) => {
              scanning.value = false;
              text.value = scanned;
              void find();
            }}
          />
        )}
        <div class="dialog-actions">
          {canScan() && (
            <button
              type="button"
              class="button sync-scan"
              aria-pressed={scanning.value}
              onClick={() => {
                scanning.value = !scanning.value;
              }}
            >
              {scanning.value ? "Stop the camera" : "Scan the picture"}
            </button>
          )}
          <button type="button" class="button" onClick={onClose}>
            Cancel
          </button>
          <button type="submit" class="button-main" aria-disabled={asking.value}>
            {asking.value ? "Looking …" : "Continue"}
          </button>
        </div>
      </form>
    </Dialog>
  );
}

function AllowStep({
  account,
  terminal,
  onClose,
}: {
  readonly account: SyncAccount;
  readonly terminal: WaitingTerminal;
  readonly onClose: () => void;
}): JSX.Element {
  const problem = useSignal("");
  const sending = useSignal(false);
  const allow = async (): Promise<void> => {
    if (sending.value) return;
    sending.value = true;
    const outcome = await account.letIn(terminal);
    sending.value = false;
    if (!outcome.ok) problem.value = notLetInInWords(outcome.failure, location.origin);
    else if (outcome.value) {
      notify(
        "The terminal is paired. Next, in it: npx happy daemon start, or npx happy in a project.",
      );
      onClose();
    } else problem.value = notFoundInWords("no-link", location.origin);
  };
  return (
    <Dialog title="Let this terminal in?" onClose={onClose}>
      <p>
        Only if you have just started this sign-in yourself. The link in the terminal goes on with{" "}
        <code>{terminalKeyStart(terminal.key)}</code> after <code>?</code> or <code>#key=</code>.
      </p>
      <p>
        It will run sessions in your account, and may change or delete what is in it until you sign
        out everywhere.
      </p>
      {terminal.gets === "secret" ? (
        <p class="sync-warning">
          It is an older client, so it gets the account's key itself. Like your backup code, that
          opens everything in the account.
        </p>
      ) : (
        <p>It can read only what it writes itself: the account's key stays on this page.</p>
      )}
      <p class="field-error" role="alert">
        {problem.value}
      </p>
      <div class="dialog-actions">
        <button type="button" class="button" autofocus onClick={onClose}>
          Do not allow
        </button>
        <button
          type="button"
          class="button-main"
          aria-disabled={sending.value}
          onClick={() => void allow()}
        >
          {sending.value ? "Allowing …" : "Allow"}
        </button>
      </div>
    </Dialog>
  );
}
