import type { JSX } from "preact";
import { failureInWords } from "../failure-words.ts";
import { notify } from "../notices.ts";
import type { MachineView } from "../sync/account-state.ts";
import type { SyncAccount } from "../sync/sync-account.ts";
import { machineInWords, machineName } from "../sync/sync-words.ts";
import { QuestionDialog } from "./question-dialog.tsx";

/** Asks before a machine is removed. Removing is no signing out, and the dialog says so. */
export function RemoveMachineDialog({
  account,
  machine,
  onClose,
}: {
  readonly account: SyncAccount;
  readonly machine: MachineView;
  readonly onClose: () => void;
}): JSX.Element {
  const named = machineName(machine, account.opened.of("machine", machine));
  const words = machineInWords(named, machine.id);
  return (
    <QuestionDialog
      title={`Remove ${words}?`}
      no="Keep it"
      yes="Remove"
      onYes={async () => {
        const removed = await account.removeMachine(machine.id);
        if (!removed.ok) return failureInWords(removed.failure);
        // The dialog goes with the machine.
        notify(`${words} is removed.`);
        return "";
      }}
      onClose={onClose}
    >
      <p class="muted">{named.more}</p>
      <p>
        It goes from the list and is disconnected. Its sessions stay, and nothing is deleted on the
        machine itself.
      </p>
      <p>
        It is not signed out: it comes back when Happy starts there again. To lock it out, sign out
        everywhere.
      </p>
    </QuestionDialog>
  );
}
