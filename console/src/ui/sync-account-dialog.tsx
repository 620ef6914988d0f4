import { useSignal } from "@preact/signals";
import type { JSX } from "preact";
import { failureInWords } from "../failure-words.ts";
import { notify } from "../notices.ts";
import type { KeyPlace, SyncAccount } from "../sync/sync-account.ts";
import { Dialog } from "./dialog.tsx";

/** The account that is signed in: where its key is, and how to sign out. */
export function SyncAccountDialog({
  account,
  name,
  onClose,
}: {
  readonly account: SyncAccount;
  readonly name: string;
  readonly onClose: () => void;
}): JSX.Element {
  const asking = useSignal<"out" | "everywhere" | null>(null);
  if (asking.value !== null) {
    return (
      <SignOutDialog
        account={account}
        isEverywhere={asking.value === "everywhere"}
        onClose={onClose}
      />
    );
  }
  const place = account.keyPlace.value;
  return (
    <Dialog title={name} onClose={onClose}>
      <p>{placeInWords(place)}</p>
      <div class="sync-choices">
        {place !== "nowhere" && (
          <button
            type="button"
            class="button"
            onClick={() => {
              account.lock();
              notify("The key is gone from here. Names are encrypted again.");
              onClose();
            }}
          >
            Remove the key from here
          </button>
        )}
        <button
          type="button"
          class="button"
          onClick={() => {
            asking.value = "out";
          }}
        >
          Sign out here
        </button>
        <button
          type="button"
          class="button button-danger"
          onClick={() => {
            asking.value = "everywhere";
          }}
        >
          Sign out everywhere
        </button>
      </div>
      <div class="dialog-actions">
        <button type="button" class="button" onClick={onClose}>
          Close
        </button>
      </div>
    </Dialog>
  );
}

/** Where the key is, for a person who wonders who could read along. */
function placeInWords(place: KeyPlace): string {
  switch (place) {
    case "nowhere":
      return "The account's key is not on this page, so names are encrypted. This server never had it.";
    case "page":
      return "The account's key is on this page until you reload or close it. This server never had it.";
    case "browser":
      return `The account's key is kept in this browser, for ${location.host}. This server never had it.`;
  }
}

function SignOutDialog({
  account,
  isEverywhere,
  onClose,
}: {
  readonly account: SyncAccount;
  readonly isEverywhere: boolean;
  readonly onClose: () => void;
}): JSX.Element {
  const sending = useSignal(false);
  const problem = useSignal("");
  const signOut = async (): Promise<void> => {
    if (sending.value) return;
    if (!isEverywhere) {
      account.signOut();
      return;
    }
    sending.value = true;
    const revoked = await account.signOutEverywhere();
    sending.value = false;
    if (revoked.ok) notify("Every device of this account is signed out.");
    else problem.value = failureInWords(revoked.failure);
  };
  return (
    <Dialog title={isEverywhere ? "Sign out everywhere?" : "Sign out here?"} onClose={onClose}>
      <p>
        {isEverywhere
          ? "Every phone, page and terminal of this account is signed out, and terminals have to be paired again. Nothing is deleted."
          : "This page forgets the account and its key. Terminals and other devices stay signed in."}
      </p>
      <p>You come back with the backup code. Have you saved it?</p>
      <p class="field-error" role="alert">
        {problem.value}
      </p>
      <div class="dialog-actions">
        <button type="button" class="button" autofocus onClick={onClose}>
          Stay signed in
        </button>
        <button
          type="button"
          class="button-main button-main-danger"
          aria-disabled={sending.value}
          onClick={() => void signOut()}
        >
          {isEverywhere ? "Sign out everywhere" : "Sign out"}
        </button>
      </div>
    </Dialog>
  );
}
