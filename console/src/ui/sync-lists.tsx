import type { JSX } from "preact";
import { useMemo } from "preact/hooks";
import type { MachineView, SessionView } from "../sync/account-state.ts";
import type { Status } from "../standing.ts";
import type { SyncAccount } from "../sync/sync-account.ts";
import {
  lastActivity,
  machineName,
  machineStatus,
  type Named,
  sessionName,
  sessionStatus,
} from "../sync/sync-words.ts";
import { clock, count } from "../time-words.ts";
import { useNow } from "./hooks.ts";
import { LockIcon } from "./icons.tsx";

/** How often times such as "3 min ago" are renewed, milliseconds. */
const TICK_MS = 15_000;

/** The machines and sessions of an account. */
export function SyncLists({
  account,
  isBroken,
}: {
  readonly account: SyncAccount;
  /** Whether the page already says that there is no connection. */
  readonly isBroken: boolean;
}): JSX.Element {
  const now = useNow(TICK_MS);
  const { known, machines, sessions } = account.state.value;
  const listed = useMemo(() => byActivity(machines.values()), [machines]);
  const { running, ended } = useMemo(() => sessionGroups(sessions.values()), [sessions]);
  if (!known) {
    return (
      <div class="empty">
        <p>{isBroken ? "Everything is shown once you are connected." : "Loading …"}</p>
      </div>
    );
  }
  if (machines.size + sessions.size === 0) return <NoTerminal />;
  const sessionRow = (session: SessionView): JSX.Element => (
    <Row
      key={session.id}
      item={session}
      named={sessionName(session, account.opened.of("session", session))}
      status={sessionStatus(session)}
      messages={session.seq}
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
            status={machineStatus(machine)}
            messages={null}
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
  named: { name, more, sealed },
  status: { tone, text, more: explained },
  messages,
  now,
}: {
  readonly item: MachineView;
  readonly named: Named;
  readonly status: Status;
  /** Number of its messages; null: it has none. */
  readonly messages: number | null;
  readonly now: number;
}): JSX.Element {
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
    </li>
  );
}

/** What signs a terminal in here. */
const COMMANDS = [
  `export HAPPY_SERVER_URL=${location.origin}`,
  `export HAPPY_WEBAPP_URL=${location.origin}`,
  "npx happy auth login",
].join("\n");

/** What to do first. */
function NoTerminal(): JSX.Element {
  return (
    <div class="empty sync-start">
      <p class="empty-title">No terminal is paired yet</p>
      <p class="muted">On the machine where your agent runs:</p>
      <pre>
        <code>{COMMANDS}</code>
      </pre>
      <p class="muted">
        Choose Web Browser, and this page asks whether to let the terminal in. From another device:
        choose Mobile App, press Pair a terminal here, and paste the link that it prints.
      </p>
    </div>
  );
}
