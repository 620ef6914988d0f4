import { useSignal } from "@preact/signals";
import type { JSX } from "preact";
import { useEffect, useMemo } from "preact/hooks";
import type { MachineView, SessionView } from "../sync/account-state.ts";
import type { Status } from "../standing.ts";
import type { SyncAccount } from "../sync/sync-account.ts";
import {
  lastActivity,
  machineInWords,
  machineName,
  machineStatus,
  type Named,
  sessionName,
  sessionStatus,
} from "../sync/sync-words.ts";
import { clock, count } from "../time-words.ts";
import { FirstSteps } from "./first-steps.tsx";
import { CloseIcon, LockIcon } from "./icons.tsx";
import { RemoveMachineDialog } from "./remove-machine-dialog.tsx";
import { focusTitle } from "./view-head.tsx";

/** The machines and sessions of an account. */
export function SyncLists({
  account,
  now,
  isBroken,
}: {
  readonly account: SyncAccount;
  /** Milliseconds since 1970. */
  readonly now: number;
  /** Whether the page already says that there is no connection. */
  readonly isBroken: boolean;
}): JSX.Element {
  const { known, machines, sessions } = account.state.value;
  /** Id of the machine that is about to be removed; null: none. */
  const removing = useSignal<string | null>(null);
  const leaving = machines.get(removing.value ?? "");
  const listed = useMemo(() => byActivity(machines.values()), [machines]);
  const { running, ended } = useMemo(() => sessionGroups(sessions.values()), [sessions]);
  useEffect(() => {
    // The button that asked is gone with its row.
    if (leaving === undefined && removing.value !== null) {
      removing.value = null;
      focusTitle();
    }
  }, [leaving]);
  if (!known) {
    return (
      <div class="empty">
        <p>{isBroken ? "Everything is shown once you are connected." : "Loading …"}</p>
      </div>
    );
  }
  if (machines.size + sessions.size === 0) return <FirstSteps account={account} />;
  const sessionRow = (session: SessionView): JSX.Element => (
    <Row
      key={session.id}
      item={session}
      named={sessionName(session, account.opened.of("session", session))}
      status={sessionStatus(session, now)}
      messages={session.seq}
      onRemove={null}
      now={now}
    />
  );
  return (
    <>
      <Group title="Machines" items={listed}>
        {(machine) => (
          <Row
            key={machine.id}
            item={machine}
            named={machineName(machine, account.opened.of("machine", machine))}
            status={machineStatus(machine, now)}
            messages={null}
            onRemove={() => {
              removing.value = machine.id;
            }}
            now={now}
          />
        )}
      </Group>
      <Group title="Sessions" items={running}>
        {sessionRow}
      </Group>
      <Group title="Ended sessions" items={ended}>
        {sessionRow}
      </Group>
      {leaving !== undefined && (
        <RemoveMachineDialog
          account={account}
          machine={leaving}
          onClose={() => {
            removing.value = null;
          }}
        />
      )}
    </>
  );
}

/** Those that were heard of last first, but what is active before everything else. */
function byActivity<T extends MachineView>(items: Iterable<T>): readonly T[] {
  return [...items].toSorted(
    (a, b) =>
      Number(b.active) - Number(a.active) || b.activeAt - a.activeAt || a.id.localeCompare(b.id),
  );
}

/** Running sessions stay where they are: each is heard of every few seconds. */
function sessionGroups(sessions: Iterable<SessionView>): {
  readonly running: readonly SessionView[];
  readonly ended: readonly SessionView[];
} {
  const all = [...sessions];
  return {
    running: all
      .filter(({ active }) => active)
      .toSorted((a, b) => b.createdAt - a.createdAt || a.id.localeCompare(b.id)),
    ended: byActivity(all.filter(({ active }) => !active)),
  };
}

function Group<T>({
  title,
  items,
  children,
}: {
  readonly title: string;
  readonly items: readonly T[];
  readonly children: (item: T) => JSX.Element;
}): JSX.Element | null {
  if (items.length === 0) return null;
  return (
    <section class="group" aria-label={title}>
      <h2 class="group-title">
        {title}
        <span class="muted">{items.length}</span>
      </h2>
      <ul class="items">{items.map(children)}</ul>
    </section>
  );
}

function Row({
  item: { id, active, activeAt },
  named,
  status: { tone, text, more: explained },
  messages,
  onRemove,
  now,
}: {
  readonly item: MachineView;
  readonly named: Named;
  readonly status: Status;
  /** Number of its messages; null: it has none. */
  readonly messages: number | null;
  /** Null: it cannot be removed. */
  readonly onRemove: (() => void) | null;
  readonly now: number;
}): JSX.Element {
  const { name, more, sealed } = named;
  return (
    <li class="item" title={id}>
      <span class={`dot dot-${tone}`} aria-hidden="true" />
      <div class="item-words">
        <h3 class="item-name">
          <bdi>{name}</bdi>
        </h3>
        {more !== "" && (
          <p class="item-more muted">
            {sealed && <LockIcon />}
            <bdi>{more}</bdi>
          </p>
        )}
      </div>
      <p class="item-facts">
        <span class={`item-status item-${tone}`} title={explained}>
          {text}
        </span>
        {messages !== null && <span class="item-count">{count(messages, "message")}</span>}
        <time
          dateTime={new Date(activeAt).toISOString()}
          title={`Heard of last at ${clock(activeAt)}`}
        >
          {lastActivity(active, activeAt, now)}
        </time>
      </p>
      {onRemove !== null && (
        <button
          type="button"
          class="button-plain button-icon"
          aria-label={`Remove ${machineInWords(named, id)}`}
          title="Remove this machine"
          onClick={onRemove}
        >
          <CloseIcon />
        </button>
      )}
    </li>
  );
}
