import type { JSX } from "preact";
import type { PageConfig } from "../config.ts";
import { hash, readPlace } from "../routes.ts";
import type { SignIn } from "../sign-in.ts";
import { SYNC_TAB } from "./areas.tsx";
import { GuildPage } from "./guild-page.tsx";
import { SyncPage } from "./sync-area.tsx";
import { SignInNotSetUp, Welcome } from "./welcome.tsx";

/** The page: its content depends on what this deployment has, and on who is signed in. */
export function App({
  config: { guild, sync },
  signIn,
  problem,
}: {
  readonly config: PageConfig;
  /** Null: nobody can sign in at a provider. */
  readonly signIn: SignIn | null;
  /** Why the return from the provider failed. */
  readonly problem: string | undefined;
}): JSX.Element {
  // Accounts of sync have nothing to do with the provider.
  if (guild === null) return <SyncPage hasGuild={false} />;
  const user = signIn?.user.value ?? null;
  if (signIn !== null && user !== null) {
    const { sub } = user.claims;
    return <GuildPage key={sub} config={guild} hasSync={sync} signIn={signIn} user={user} />;
  }
  const isAtSync = readPlace(hash.value, ["", SYNC_TAB.id]).area === SYNC_TAB.id;
  if (sync && isAtSync) return <SyncPage hasGuild />;
  if (signIn === null) return <SignInNotSetUp config={guild} hasSync={sync} />;
  const ranOut = signIn.ranOut.value ? "Your sign-in has ended. Please sign in again." : "";
  return <Welcome signIn={signIn} note={problem ?? ranOut} hasSync={sync} />;
}
