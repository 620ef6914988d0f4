import { useSignal } from "@preact/signals";
import type { JSX } from "preact";
import { useEffect, useMemo } from "preact/hooks";
import type { PageConfig } from "../config.ts";
import { Guild } from "../guild.ts";
import type { SignedIn, SignIn } from "../sign-in.ts";
import { NoticeList } from "./notice-list.tsx";
import { Shell } from "./shell.tsx";
import { Welcome } from "./welcome.tsx";

/** The page: its content depends on who is signed in. */
export function App({
  config,
  signIn,
  problem,
}: {
  readonly config: PageConfig;
  readonly signIn: SignIn;
  /** Why the return from the provider failed. */
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
  useEffect(() => {
    guild.start();
    return () => guild.stop();
  }, [guild]);
  return (
    <>
      <Shell
        key={guildId}
        guild={guild}
        guildId={guildId}
        user={user}
        config={config}
        signIn={signIn}
      >
        {guilds !== undefined && guilds.length > 1 && (
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
        )}
      </Shell>
      <p class="hidden" role="status" aria-label="Newest event">
        {guild.announcement.value}
      </p>
      <NoticeList />
    </>
  );
}
