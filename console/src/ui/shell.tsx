import { useSignal } from "@preact/signals";
import type { ComponentChildren, ComponentType, JSX } from "preact";
import { useEffect, useRef } from "preact/hooks";
import type { PageConfig } from "../config.ts";
import type { Guild } from "../guild.ts";
import { CONTROL_URL } from "../local-discord.ts";
import { hash, placeLink, readPlace } from "../routes.ts";
import type { SignedIn, SignIn } from "../sign-in.ts";
import type { Status } from "../standing.ts";
import { pageReaders } from "../words.ts";
import type { Area } from "./area.ts";
import { AREAS } from "./areas.tsx";
import { Mark, SignOutIcon, ToolsIcon } from "./icons.tsx";
import { focusTitle } from "./view-head.tsx";

/** Everything around the areas: the navigation, both connections, the signed-in user, and the area itself. */
export function Shell({
  guild,
  guildId,
  user,
  config,
  signIn,
  children,
}: {
  readonly guild: Guild;
  readonly guildId: string | undefined;
  readonly user: SignedIn;
  readonly config: PageConfig;
  readonly signIn: SignIn;
  readonly children?: ComponentChildren;
}): JSX.Element {
  const areas = AREAS.filter(({ exists }) => exists?.(config, guild) ?? true);
  const place = readPlace(
    hash.value,
    areas.map(({ id }) => id),
  );
  const area = areas.find(({ id }) => id === place.area) ?? areas[0];
  useAreaChange(area);
  return (
    <div class="shell">
      <a
        class="skip"
        href="#main"
        onClick={(event) => {
          // The fragment belongs to the area.
          event.preventDefault();
          focusTitle();
        }}
      >
        Skip to content
      </a>
      <header class="bar">
        <a class="brand" href={placeLink(areas[0]?.id ?? "")} aria-label="GuildHub, start page">
          <Mark />
          <span>GuildHub</span>
        </a>
        {children}
        <nav class="nav" aria-label="Areas">
          <ul>
            {areas.map(({ id, title, Icon, count }) => {
              const number = count?.(guild) ?? 0;
              return (
                <li key={id}>
                  <a href={placeLink(id)} aria-current={id === area?.id ? "page" : undefined}>
                    <Icon />
                    <span>{title}</span>
                    {number > 0 && <span class="nav-count">{number}</span>}
                  </a>
                </li>
              );
            })}
          </ul>
        </nav>
        <div class="bar-foot">
          <Statuses guild={guild} />
          <div class="account">
            <span class="account-name" title={`Signed in as ${user.name}`}>
              <bdi>{user.name}</bdi>
            </span>
            <button
              type="button"
              class="button-plain button-icon"
              aria-label="Sign out"
              title="Sign out"
              onClick={() => void signIn.end()}
            >
              <SignOutIcon />
            </button>
          </div>
        </div>
      </header>
      <main id="main" class="main">
        <TroubleLine guild={guild} signIn={signIn} />
        {area !== undefined && (
          <area.View
            guild={guild}
            guildId={guildId}
            user={user}
            config={config}
            item={place.item}
          />
        )}
      </main>
      {CONTROL_URL !== undefined && (
        <LocalTools guild={guild} guildId={guildId ?? config.guildId} />
      )}
    </div>
  );
}

/** Shows the area in the tab's title; the focus moves to its heading on a change of area. */
function useAreaChange(area: Area | undefined): void {
  const shown = useRef(area?.id);
  useEffect(() => {
    document.title = area === undefined ? "GuildHub" : `${area.title} · GuildHub`;
    if (shown.current === area?.id) return;
    shown.current = area?.id;
    scrollTo(0, 0);
    focusTitle();
  }, [area?.id]);
}

function Statuses({ guild }: { readonly guild: Guild }): JSX.Element {
  const { stream, discord } = guild.standing.value;
  const here = guild.connection.value.kind === "live" ? guild.presence.value : null;
  return (
    <div class="statuses">
      <StatusLine name="Stream" status={stream}>
        {here !== null && <span class="status-aside">{pageReaders(here.count)}</span>}
      </StatusLine>
      <StatusLine name="Discord" status={discord}>
        {discord.more !== "" && <span class="status-aside">{discord.more}</span>}
      </StatusLine>
    </div>
  );
}

function StatusLine({
  name,
  status: { tone, text, more },
  children,
}: {
  readonly name: "Stream" | "Discord";
  readonly status: Status;
  readonly children?: ComponentChildren;
}): JSX.Element {
  return (
    <div class="status" title={more}>
      <span class={`dot dot-${tone}`} aria-hidden="true" />
      {name === "Discord" && <span class="status-name">Discord</span>}
      <span class="status-text" role="status" aria-label={name}>
        {text}
      </span>
      {children}
    </div>
  );
}

/** Why the page is not up to date, and what to do. */
function TroubleLine({
  guild,
  signIn,
}: {
  readonly guild: Guild;
  readonly signIn: SignIn;
}): JSX.Element {
  const { trouble } = guild.standing.value;
  return (
    <div role="status" aria-label="What is wrong">
      {trouble !== null && (
        <div class={`trouble trouble-${trouble.tone}`}>
          <p>{trouble.text}</p>
          {trouble.action !== null && (
            <button
              type="button"
              class="button"
              onClick={() => {
                if (trouble.action === "sign-in") void signIn.start();
                else guild.reconnect();
              }}
            >
              {trouble.action === "sign-in" ? "Sign in again" : "Try now"}
            </button>
          )}
        </div>
      )}
    </div>
  );
}

/** Whether the tools of the local stack are open in this tab. */
const TOOLS_OPEN = "guildhub:local-tools";

type Drawer = ComponentType<{
  readonly guild: Guild;
  readonly guildId: string;
  readonly onClose: () => void;
}>;

/**
 * The controls of the local services. They are not part of the product: their code is loaded only in the
 * local stack.
 */
function LocalTools({
  guild,
  guildId,
}: {
  readonly guild: Guild;
  readonly guildId: string;
}): JSX.Element {
  const open = useSignal(sessionStorage.getItem(TOOLS_OPEN) === "yes");
  const drawer = useSignal<{ readonly View: Drawer } | null>(null);
  const toggle = useRef<HTMLButtonElement>(null);
  useEffect(() => {
    // At once, not when the drawer is opened: the Worker may be down by then, and the tools are for such
    // cases.
    void (async () => {
      const { LocalDrawer } = await import("./local-drawer.tsx");
      drawer.value = { View: LocalDrawer };
    })();
  }, []);
  useEffect(() => {
    sessionStorage.setItem(TOOLS_OPEN, open.value ? "yes" : "no");
  }, [open.value]);
  const { value: loaded } = drawer;
  return (
    <aside class={open.value ? "tools tools-open" : "tools"} aria-label="Local test tools">
      <button
        ref={toggle}
        type="button"
        class="tools-toggle"
        aria-expanded={open.value}
        title="Test users and faults of the local stack; not a part of the product"
        onClick={() => {
          open.value = !open.value;
        }}
      >
        <ToolsIcon />
        <span>Test tools</span>
      </button>
      {open.value && loaded !== null && (
        <loaded.View
          guild={guild}
          guildId={guildId}
          onClose={() => {
            open.value = false;
            toggle.current?.focus();
          }}
        />
      )}
    </aside>
  );
}
