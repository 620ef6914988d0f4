import { useSignal } from "@preact/signals";
import type { JSX } from "preact";
import { failureInWords } from "../failure-words.ts";
import { notify } from "../notices.ts";
import type { KeyPlace, SyncAccount } from "../sync/sync-account.ts";
import { Dialog } from "./dialog.tsx";
import { QuestionDialog } from "./question-dialog.tsx";

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
  const asking = useSignal<"key" | "out" | "everywhere" | null>(null);
  switch (asking.value) {
    case "key":
      return <RemoveKeyDialog account={account} onClose={onClose} />;
    case "out":
      return <SignOutDialog account={account} onClose={onClose} />;
    case "everywhere":
      return <SignOutEverywhereDialog account={account} onClose={onClose} />;
    case null:
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
              asking.value = "key";
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
        <button type="button" class="button" autofocus onClick={onClose}>
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

type About = { readonly account: SyncAccount; readonly onClose: () => void };

function RemoveKeyDialog({ account, onClose }: About): JSX.Element {
  return (
    <QuestionDialog
      title="Remove the key from here?"
      no="Keep the key"
      yes="Remove the key"
      onYes={() => {
        account.lock();
        notify("The key is gone from here. Names are encrypted again.");
        onClose();
        return "";
      }}
      onClose={onClose}
    >
      <p>
        Names are encrypted again, and no terminal can be paired here, until you paste the backup
        code. Have you saved it?
      </p>
    </QuestionDialog>
  );
}

/** Asks before this page forgets the account. */
export function SignOutDialog({ account, onClose }: About): JSX.Element {
  return (
    <QuestionDialog
      title="Sign out here?"
      no="Stay signed in"
      yes="Sign out"
      onYes={() => {
        account.signOut();
        return "";
      }}
      onClose={onClose}
    >
      <p>This page forgets the account and its key. Terminals and other devices stay signed in.</p>
      <p>You come back with the backup code. Have you saved it?</p>
    </QuestionDialog>
  );
}

function SignOutEverywhereDialog({ account, onClose }: About): JSX.Element {
  return (
    <QuestionDialog
      title="Sign out everywhere?"
      no="Stay signed in"
      yes="Sign out everywhere"
      onYes={async () => {
        const revoked = await account.signOutEverywhere();
        if (!revoked.ok) return failureInWords(revoked.failure);
        notify("Every device of this account is signed out.");
        return "";
      }}
      onClose={onClose}
    >
      <p>Every phone, page and terminal of this account is signed out. Nothing is deleted.</p>
      <p>
        Terminals have to be paired again, with <code>npx happy auth login --force</code> (without{" "}
        <code>--force</code> they say that they are already authenticated). This gives the machine a
        new id: it is listed anew, and you may remove its old entry.
      </p>
      <p>You come back with the backup code. Have you saved it?</p>
    </QuestionDialog>
  );
}
