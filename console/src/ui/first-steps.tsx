import { useSignal } from "@preact/signals";
import type { JSX } from "preact";
import type { SyncAccount } from "../sync/sync-account.ts";
import { SignOutDialog } from "./sync-account-dialog.tsx";

/** What signs a terminal in here. */
const COMMANDS = [
  `export HAPPY_SERVER_URL=${location.origin}`,
  `export HAPPY_WEBAPP_URL=${location.origin}`,
  "npx happy auth login",
].join("\n");

/** An account without machines and sessions: what to do first, or next. */
export function FirstSteps({ account }: { readonly account: SyncAccount }): JSX.Element {
  if (account.hasPaired.value) return <AfterPairing />;
  return (
    <>
      {!account.isNew.value && <EmptyNote account={account} />}
      <BeforePairing />
    </>
  );
}

/** A code with a mistake in it is the code of another account, and nothing else tells. */
function EmptyNote({ account }: { readonly account: SyncAccount }): JSX.Element {
  const leaving = useSignal(false);
  return (
    <>
      <div class="trouble trouble-busy" role="alert">
        <p>
          This account is new or empty. If you expected machines, check the code: with one wrong
          letter it is another account.
        </p>
        <button
          type="button"
          class="button"
          onClick={() => {
            leaving.value = true;
          }}
        >
          Use another code
        </button>
      </div>
      {leaving.value && (
        <SignOutDialog
          account={account}
          onClose={() => {
            leaving.value = false;
          }}
        />
      )}
    </>
  );
}

function BeforePairing(): JSX.Element {
  return (
    <div class="empty sync-start">
      <p class="empty-title">No machine is here yet</p>
      <p class="muted">On the machine where your agent runs:</p>
      <pre>
        <code>{COMMANDS}</code>
      </pre>
      <p class="muted">
        Choose Web Browser, and this page asks whether to let the terminal in. From another device:
        choose Mobile App, press Pair a terminal here, and paste the link that it prints.
      </p>
      <p class="muted">
        It is paired already? <code>npx happy daemon start</code> makes it appear.
      </p>
    </div>
  );
}

function AfterPairing(): JSX.Element {
  return (
    <div class="empty sync-start">
      <p class="empty-title">The terminal is paired</p>
      <p class="muted">Next, in the same terminal:</p>
      <pre>
        <code>npx happy daemon start</code>
      </pre>
      <p class="muted">
        It makes the machine reachable, and the machine appears here. Or, in the folder of a
        project:
      </p>
      <pre>
        <code>npx happy</code>
      </pre>
      <p class="muted">It starts a session.</p>
    </div>
  );
}
