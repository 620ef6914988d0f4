import { useSignal } from "@preact/signals";
import type { JSX } from "preact";
import { useEffect, useMemo } from "preact/hooks";
import type { GuildConfig } from "../config.ts";
import { Guild } from "../guild.ts";
import { CONTROL_URL } from "../local-discord.ts";
import { hash, readPlace } from "../routes.ts";
import type { SignedIn, SignIn } from "../sign-in.ts";
import { pageReaders } from "../words.ts";
import { AREAS, SYNC_TAB } from "./areas.tsx";
import { SignOutIcon } from "./icons.tsx";
import { LocalTools } from "./local-tools.tsx";
import { NoticeList } from "./notice-list.tsx";
import { Shell, StatusLine, TroubleLine } from "./shell.tsx";
import { SyncArea, SyncFoot } from "./sync-area.tsx";

/** The page of somebody who is signed in: the areas of a guild, and the choice of the guild. */
export function GuildPage({
  config,
  hasSync,
  signIn,
  user,
}: {
  readonly config: GuildConfig;
  readonly hasSync: boolean;
  readonly signIn: SignIn;
  readonly user: SignedIn;
}): JSX.Element {
  const { guilds } = user.claims;
  const picked = useSignal(guilds?.includes(config.guildId) === false ? guilds[0] : config.guildId);
  // Without the claim the server decides, and refuses nothing.
  const guildId = guilds === undefined ? undefined : picked.value;
  const guild = useMemo(() => new Guild(guildId, signIn.tokens), [guildId, signIn]);
  useEffect(() => {
    guild.start();
    return () => guild.stop();
  }, [guild]);
  const areas = AREAS.filter(({ exists }) => exists?.(config, guild) ?? true);
  const tabs = [
    ...areas.map(({ count, ...tab }) => ({ ...tab, number: count?.(guild) ?? 0 })),
    ...(hasSync ? [SYNC_TAB] : []),
  ];
  const place = readPlace(
    hash.value,
    tabs.map(({ id }) => id),
  );
  const area = areas.find(({ id }) => id === place.area);
  return (
    <>
      <Shell
        key={guildId}
        tabs={tabs}
        current={place.area}
        top={
          guilds !== undefined &&
          guilds.length > 1 && (
            <select
              class="guild-select"
              aria-label="Discord server"
              value={guildId}
              onChange={(event) => {
                picked.value = event.currentTarget.value;
              }}
            >
              {guilds.map((id) => (
                <option key={id} value={id}>
                  Server {id}
                </option>
              ))}
            </select>
          )
        }
        foot={
          area === undefined ? <SyncFoot /> : <Foot guild={guild} user={user} signIn={signIn} />
        }
        beside={
          CONTROL_URL !== undefined && (
            <LocalTools guild={guild} guildId={guildId ?? config.guildId} />
          )
        }
      >
        {area === undefined ? (
          <SyncArea item={place.item} />
        ) : (
          <>
            <Trouble guild={guild} signIn={signIn} />
            <area.View
              guild={guild}
              guildId={guildId}
              user={user}
              config={config}
              item={place.item}
            />
          </>
        )}
      </Shell>
      <p class="hidden" role="status" aria-label="Newest event">
        {guild.announcement.value}
      </p>
      <NoticeList />
    </>
  );
}

/** Both connections, and the signed-in user. */
function Foot({
  guild,
  user,
  signIn,
}: {
  readonly guild: Guild;
  readonly user: SignedIn;
  readonly signIn: SignIn;
}): JSX.Element {
  const { stream, discord } = guild.standing.value;
  const here = guild.connection.value.kind === "live" ? guild.presence.value : null;
  return (
    <>
      <div class="statuses">
        <StatusLine name="Stream" status={stream}>
          {here !== null && <span class="status-aside">{pageReaders(here.count)}</span>}
        </StatusLine>
        <StatusLine name="Discord" label="Discord" status={discord}>
          {discord.more !== "" && <span class="status-aside">{discord.more}</span>}
        </StatusLine>
      </div>
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
    </>
  );
}

function Trouble({
  guild,
  signIn,
}: {
  readonly guild: Guild;
  readonly signIn: SignIn;
}): JSX.Element {
  const { trouble } = guild.standing.value;
  const action = trouble?.action ?? null;
  return (
    <TroubleLine
      tone={trouble?.tone ?? "busy"}
      text={trouble?.text ?? ""}
      action={action === null ? null : ACTIONS[action]}
      onAction={() => {
        if (action === "sign-in") void signIn.start();
        else guild.reconnect();
      }}
    />
  );
}

const ACTIONS = { "sign-in": "Sign in again", reconnect: "Try now" } as const;
