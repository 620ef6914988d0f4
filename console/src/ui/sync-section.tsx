import { useSignal } from "@preact/signals";
import type { JSX } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { isOffline, watchNetwork } from "../../../src/client/network.ts";
import { goTo, placeLink } from "../routes.ts";
import { SyncAccount } from "../sync/sync-account.ts";
import { accountAside, accountName, liveStatus, liveTrouble } from "../sync/sync-words.ts";
import { SYNC_TAB } from "./areas.tsx";
import { useNow } from "./hooks.ts";
import { KeyIcon, PlusIcon } from "./icons.tsx";
import { PairDialog } from "./pair-dialog.tsx";
import { StatusLine, TroubleLine } from "./shell.tsx";
import { SyncAccountDialog } from "./sync-account-dialog.tsx";
import { SyncLists } from "./sync-lists.tsx";
import { SyncSignIn } from "./sync-sign-in.tsx";
import { UnlockNote } from "./unlock-note.tsx";
import { focusTitle, ViewHead } from "./view-head.tsx";

/** The account of this page. It outlives the view, so that the key need not be pasted again after a look at rooms. */
const account = new SyncAccount();

/** What stands before a terminal's key in the address (console/src/connect.ts). */
const PAIR = "pair-";

/** How often times such as "3 min ago" are renewed, milliseconds. */
const TICK_MS = 15_000;

/** An account's machines and sessions, or how to sign in. */
export function SyncView({ item }: { readonly item: string | null }): JSX.Element {
  const phase = account.phase.value;
  useEffect(() => {
    if (phase === "starting") void account.begin();
  }, []);
  const before = useRef(phase);
  useEffect(() => {
    // The button that signed in or out is gone.
    if (before.current !== "starting" && before.current !== phase) focusTitle();
    before.current = phase;
  }, [phase]);
  useEffect(() => {
    if (phase !== "signed-in") return undefined;
    const ended = new AbortController();
    account.watch();
    watchNetwork(ended.signal, () => {
      if (!isOffline()) account.watch();
    });
    return () => {
      ended.abort();
      account.unwatch();
    };
  }, [phase]);
  const link = item?.startsWith(PAIR) === true ? `happy://terminal?${item.slice(PAIR.length)}` : "";
  switch (phase) {
    case "starting":
      return (
        <>
          <ViewHead title={SYNC_TAB.title} aside="" />
          <div class="empty">
            <p>Loading …</p>
          </div>
        </>
      );
    case "unsupported":
      return (
        <>
          <ViewHead title={SYNC_TAB.title} aside="" />
          <div class="empty">
            <p class="empty-title">This browser cannot keep the keys of an account</p>
            <p class="muted">
              {isSecureContext
                ? "Use a current version of Chrome, Edge, Firefox or Safari."
                : "Open this page by https: browsers make keys only there."}
            </p>
          </div>
        </>
      );
    case "stuck":
    case "signed-out":
      return <SyncSignIn account={account} isForTerminal={link !== ""} />;
    case "signed-in":
      return <SignedIn link={link} />;
  }
}

function SignedIn({ link }: { readonly link: string }): JSX.Element {
  const pairing = useSignal(link !== "");
  const now = useNow(TICK_MS);
  const { value: state } = account.state;
  const trouble = liveTrouble(account.live.value, account.lostAt.value);
  return (
    <>
      <TroubleLine
        tone="busy"
        text={trouble}
        action="Try now"
        onAction={() => {
          account.watch();
        }}
      />
      <ViewHead title={SYNC_TAB.title} aside={accountAside(state, now)}>
        <button
          type="button"
          class="button-main"
          onClick={() => {
            pairing.value = true;
          }}
        >
          <PlusIcon /> Pair a terminal
        </button>
      </ViewHead>
      {!account.hasKey.value && state.machines.size + state.sessions.size > 0 && (
        <UnlockNote account={account} />
      )}
      <SyncLists account={account} now={now} isBroken={trouble !== ""} />
      {pairing.value && (
        <PairDialog
          account={account}
          link={link}
          onClose={() => {
            pairing.value = false;
            if (link !== "") goTo(placeLink(SYNC_TAB.id), "replace");
          }}
        />
      )}
    </>
  );
}

/** The connection and the account, at the foot of the navigation. */
export function SyncStatus(): JSX.Element | null {
  const publicKey = account.publicKey.value;
  // What is open goes with its account: the next one must not find its dialog.
  return publicKey === null ? null : <AccountFoot key={publicKey} publicKey={publicKey} />;
}

function AccountFoot({ publicKey }: { readonly publicKey: string }): JSX.Element {
  const open = useSignal(false);
  const name = accountName(publicKey);
  return (
    <>
      <div class="statuses">
        <StatusLine name="Sync" status={liveStatus(account.live.value, account.lostAt.value)} />
      </div>
      <div class="account">
        <span class="account-name" title={publicKey}>
          {name}
        </span>
        <button
          type="button"
          class="button-plain button-icon"
          aria-label={`${name}: key and sign-out`}
          title="Key and sign-out"
          onClick={() => {
            open.value = true;
          }}
        >
          <KeyIcon />
        </button>
      </div>
      {open.value && (
        <SyncAccountDialog
          account={account}
          name={name}
          onClose={() => {
            open.value = false;
          }}
        />
      )}
    </>
  );
}
