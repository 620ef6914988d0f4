import type { ComponentChildren, JSX } from "preact";
import type { GatewayView } from "../../../src/client/guild-view.ts";
import type { Guild } from "../guild.ts";
import type { SignedIn } from "../sign-in.ts";
import { connectionWords, peopleHere, shortClock, type Tone } from "../words.ts";
import { useNow } from "./hooks.ts";

/** Name of the page, both connections, and who is signed in: always in sight. */
export function Header({
  guild,
  user,
  onSignOut,
  children,
}: {
  readonly guild: Guild;
  readonly user: SignedIn;
  readonly onSignOut: () => void;
  readonly children?: ComponentChildren;
}): JSX.Element {
  return (
    <header class="header">
      <div class="header-inner">
        <Brand />
        <div class="statuses">
          <StreamStatus guild={guild} />
          <DiscordStatus status={guild.gateway.value} />
        </div>
        <div class="account">
          {children}
          <span class="account-name" title={`Signed in as ${user.name}`}>
            {user.name}
          </span>
          <button type="button" class="button-plain" onClick={onSignOut}>
            Sign out
          </button>
        </div>
      </div>
    </header>
  );
}

/** The name with its mark. */
export function Brand(): JSX.Element {
  return (
    <h1 class="brand">
      <svg class="brand-mark" viewBox="0 0 32 32" aria-hidden="true">
        <rect width="32" height="32" rx="9" />
        <path d="M9 13v6M16 9v14M23 13v6" />
      </svg>
      GuildHub
    </h1>
  );
}

function StreamStatus({ guild }: { readonly guild: Guild }): JSX.Element {
  const state = guild.connection.value;
  const { tone, text, more } = connectionWords(state);
  const { presence } = guild;
  return (
    <Status name="Stream" tone={tone} text={text} title={more}>
      {state.kind === "live" && presence.value !== null && (
        <span class="status-aside">{peopleHere(presence.value.count)}</span>
      )}
      {state.kind === "waiting" && (
        <>
          <Countdown until={state.until} />
          <button type="button" class="button-link" onClick={() => guild.reconnect()}>
            Try now
          </button>
        </>
      )}
    </Status>
  );
}

function Countdown({ until }: { readonly until: number }): JSX.Element {
  const seconds = Math.max(0, Math.ceil((until - useNow(250)) / 1000));
  return (
    <span class="status-aside" aria-hidden="true">
      in {seconds} s
    </span>
  );
}

const DISCORD_WORDS = {
  connected: { tone: "good", text: "Connected" },
  resuming: { tone: "busy", text: "Resuming" },
  down: { tone: "bad", text: "Down" },
  unknown: { tone: "quiet", text: "Unknown" },
} as const satisfies Record<GatewayView["state"] | "unknown", { tone: Tone; text: string }>;

function DiscordStatus({ status }: { readonly status: GatewayView | null }): JSX.Element {
  const { tone, text } = DISCORD_WORDS[status?.state ?? "unknown"];
  const since = status === null ? "" : new Date(status.since).toLocaleString();
  return (
    <Status name="Discord" tone={tone} text={text} title={since}>
      {status !== null && <span class="status-aside">since {shortClock(status.since)}</span>}
    </Status>
  );
}

function Status({
  name,
  tone,
  text,
  title,
  children,
}: {
  readonly name: string;
  readonly tone: Tone;
  readonly text: string;
  readonly title: string;
  readonly children?: ComponentChildren;
}): JSX.Element {
  return (
    <div class="status" title={title}>
      <span class={`dot dot-${tone}`} aria-hidden="true" />
      <span class="status-name">{name}</span>
      <span class="status-text" role="status" aria-label={name}>
        {text}
      </span>
      {children}
    </div>
  );
}
