import { useSignal } from "@preact/signals";
import type { JSX } from "preact";
import { failureInWords } from "../failure-words.ts";
import { SECRET_BYTES, secretIn } from "../sync/secret-code.ts";
import type { SyncAccount } from "../sync/sync-account.ts";
import { SYNC_TAB } from "./areas.tsx";
import { CodeField, KeepKeyCheck, NO_CODE } from "./code-field.tsx";
import { NewAccountDialog } from "./new-account-dialog.tsx";
import { ViewHead } from "./view-head.tsx";

/** Sync before somebody is signed in: a new account, or the code of one. */
export function SyncSignIn({
  account,
  isForTerminal,
}: {
  readonly account: SyncAccount;
  /** Whether a terminal waits to be let in. */
  readonly isForTerminal: boolean;
}): JSX.Element {
  /** Secret of the account that is about to be made; null: none. */
  const fresh = useSignal<Uint8Array<ArrayBuffer> | null>(null);
  const why = account.why.value;
  return (
    <>
      <ViewHead title={SYNC_TAB.title} aside="" />
      <p class="sync-lead">
        Your coding agents' machines and sessions, live. Everything in them is encrypted by your
        devices: this server cannot read it.
      </p>
      {isForTerminal && (
        <p class="sync-note">
          A terminal waits to be let in. Sign in or create an account first, then you can answer it.
        </p>
      )}
      {why !== "" && (
        <div class="trouble trouble-busy" role="alert">
          <p>{why}</p>
          {account.phase.value === "stuck" && (
            <button type="button" class="button" onClick={() => void account.begin()}>
              Try again
            </button>
          )}
        </div>
      )}
      <div class="sync-doors">
        <section class="card sync-door" aria-labelledby="sync-new">
          <h2 id="sync-new">New here?</h2>
          <p>
            An account is a key that this page makes for you. It needs no name, no password and no
            mail address.
          </p>
          <button
            type="button"
            class="button-main"
            onClick={() => {
              fresh.value = crypto.getRandomValues(new Uint8Array(SECRET_BYTES));
            }}
          >
            Create an account
          </button>
        </section>
        <section class="card sync-door" aria-labelledby="sync-old">
          <h2 id="sync-old">You have an account</h2>
          <SignInForm account={account} />
        </section>
      </div>
      {fresh.value !== null && (
        <NewAccountDialog
          account={account}
          secret={fresh.value}
          onClose={() => {
            fresh.value = null;
          }}
        />
      )}
    </>
  );
}

function SignInForm({ account }: { readonly account: SyncAccount }): JSX.Element {
  const code = useSignal("");
  const keep = useSignal(false);
  const problem = useSignal("");
  const sending = useSignal(false);
  const send = async (): Promise<void> => {
    if (sending.value) return;
    const secret = secretIn(code.value);
    if (secret === null) {
      problem.value = NO_CODE;
      return;
    }
    sending.value = true;
    const signedIn = await account.signIn(secret, keep.value);
    sending.value = false;
    if (!signedIn.ok) problem.value = failureInWords(signedIn.failure);
  };
  return (
    <form
      class="sync-form"
      onSubmit={(event) => {
        event.preventDefault();
        void send();
      }}
    >
      <CodeField
        code={code}
        problem={problem}
        hint="From here, or the secret key in the account settings of Happy's app. It does not leave this page."
      />
      <KeepKeyCheck keep={keep} />
      <button type="submit" class="button" aria-disabled={sending.value}>
        {sending.value ? "Signing in …" : "Sign in"}
      </button>
    </form>
  );
}
