import { useSignal } from "@preact/signals";
import type { JSX } from "preact";
import { useEffect, useMemo } from "preact/hooks";
import type { PageConfig } from "../config.ts";
import { Guild } from "../guild.ts";
import { CONTROL_URL, LocalDiscord } from "../local-discord.ts";
import { FACEIT_CONTROL_URL, LocalFaceit } from "../local-faceit.ts";
import type { SignedIn, SignIn } from "../sign-in.ts";
import { CreateRoom } from "./create-room.tsx";
import { EventLog } from "./event-log.tsx";
import { Header } from "./header.tsx";
import { LocalDiscordPanel } from "./local-discord-panel.tsx";
import { LocalFaceitPanel } from "./local-faceit-panel.tsx";
import { Matches } from "./matches.tsx";
import { NoticeList } from "./notice-list.tsx";
import { Rooms } from "./rooms.tsx";
import { Welcome } from "./welcome.tsx";

/** The page: who is signed in decides. */
export function App({
  config,
  signIn,
  problem,
}: {
  readonly config: PageConfig;
  readonly signIn: SignIn;
  /** Why coming back from the provider did not work. */
  readonly problem: string | undefined;
}): JSX.Element {
  const user = signIn.user.value;
  if (user === null) {
    const ranOut = signIn.ranOut.value ? "Your sign-in has ended. Please sign in again." : "";
    return <Welcome signIn={signIn} note={problem ?? ranOut} />;
  }
  return <SignedInPage key={user.claims.sub} config={config} signIn={signIn} user={user} />;
}

function SignedInPage({
  config,
  signIn,
  user,
}: {
  readonly config: PageConfig;
  readonly signIn: SignIn;
  readonly user: SignedIn;
}): JSX.Element {
  const { guilds } = user.claims;
  const picked = useSignal(guilds?.includes(config.guildId) === false ? guilds[0] : config.guildId);
  // Without the claim the server decides, and refuses nothing.
  const guildId = guilds === undefined ? undefined : picked.value;
  const guild = useMemo(() => new Guild(guildId, signIn.tokens), [guildId, signIn]);
  const discord = useMemo(
    () =>
      CONTROL_URL === undefined
        ? undefined
        : new LocalDiscord(CONTROL_URL, guildId ?? config.guildId),
    [guildId, config.guildId],
  );
  const faceit = useMemo(
    () => (FACEIT_CONTROL_URL === undefined ? undefined : new LocalFaceit(FACEIT_CONTROL_URL)),
    [],
  );
  useEffect(() => {
    guild.start();
    return () => guild.stop();
  }, [guild]);
  return (
    <>
      <Header guild={guild} user={user} onSignOut={() => void signIn.end()}>
        {guilds !== undefined && guilds.length > 1 && (
          <select
            aria-label="Guild"
            value={guildId}
            onChange={(event) => {
              picked.value = event.currentTarget.value;
            }}
          >
            {guilds.map((id) => (
              <option key={id} value={id}>
                {id}
              </option>
            ))}
          </select>
        )}
      </Header>
      <Trouble guild={guild} signIn={signIn} />
      <main class="main">
        <div class="column">
          <CreateRoom guild={guild} guildId={guildId} />
          <Rooms guild={guild} claims={user.claims} />
          <Matches
            guild={guild}
            expected={config.matches || faceit !== undefined}
            me={user.claims.discordId}
          />
        </div>
        <div class="column">
          {CONTROL_URL !== undefined && discord !== undefined && (
            <LocalDiscordPanel discord={discord} guild={guild} />
          )}
          {faceit !== undefined && (
            <LocalFaceitPanel faceit={faceit} discord={discord} guild={guild} />
          )}
          <EventLog guild={guild} />
        </div>
      </main>
      <p class="hidden" role="status" aria-label="Newest event">
        {guild.announcement.value}
      </p>
      <NoticeList />
    </>
  );
}

/** What keeps the stream from coming back by itself, and the way out. */
function Trouble({
  guild,
  signIn,
}: {
  readonly guild: Guild;
  readonly signIn: SignIn;
}): JSX.Element | null {
  const state = guild.connection.value;
  if (state.kind !== "stopped" && state.kind !== "signed-out") return null;
  const signedOut = state.kind === "signed-out";
  return (
    <div class="trouble" role="alert">
      <p>
        {signedOut
          ? "Your sign-in is no longer valid, so nothing new arrives."
          : `Nothing new arrives: ${state.why}`}
      </p>
      <button
        type="button"
        class="button"
        onClick={() => {
          if (signedOut) void signIn.start();
          else guild.reconnect();
        }}
      >
        {signedOut ? "Sign in again" : "Connect again"}
      </button>
    </div>
  );
}
