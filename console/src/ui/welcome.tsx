import { useSignal } from "@preact/signals";
import type { ComponentChildren, JSX } from "preact";
import type { GuildConfig } from "../config.ts";
import { placeLink } from "../routes.ts";
import type { SignIn } from "../sign-in.ts";
import { SYNC_TAB } from "./areas.tsx";
import { Mark } from "./icons.tsx";

/** The page before sign-in. */
export function Welcome({
  signIn,
  note,
  hasSync,
}: {
  readonly signIn: SignIn;
  /** Why the last sign-in failed or ended; empty: nothing to show. */
  readonly note: string;
  readonly hasSync: boolean;
}): JSX.Element {
  const leaving = useSignal(false);
  const problem = useSignal("");
  const start = async (): Promise<void> => {
    if (leaving.value) return;
    leaving.value = true;
    problem.value = await signIn.start();
    leaving.value = problem.value === "";
  };
  return (
    <Plain>
      <p class="lead">Open Discord voice rooms and see who is in them, live.</p>
      <p class="field-error" role="alert">
        {problem.value === "" ? note : problem.value}
      </p>
      <button
        type="button"
        class="button-main button-large"
        autofocus
        aria-disabled={leaving.value}
        onClick={() => void start()}
      >
        {leaving.value ? "Opening the sign-in …" : "Sign in"}
      </button>
      {hasSync && <ToSync />}
    </Plain>
  );
}

/** Sync has accounts of its own. */
function ToSync(): JSX.Element {
  return (
    <p class="muted">
      Looking for the sessions of your coding agents?{" "}
      <a class="link" href={placeLink(SYNC_TAB.id)}>
        Go to Sync
      </a>
    </p>
  );
}

/** The page of a deployment without a client id. */
export function SignInNotSetUp({
  config,
  hasSync,
}: {
  readonly config: GuildConfig;
  readonly hasSync: boolean;
}): JSX.Element {
  return (
    <Plain>
      <p class="lead">Sign-in is not set up yet.</p>
      <p>The API works already with any valid token. To sign in on this page:</p>
      <ol class="steps">
        <li>
          At your identity provider (<code>{config.issuer}</code>) register a public client, a
          “single-page application”, for the authorization code flow with PKCE.
        </li>
        <li>
          Allow it to return to <code>{`${location.origin}/`}</code>, both after signing in and
          after signing out.
        </li>
        <li>
          Let its access tokens be JWTs for the audience <code>{config.audience}</code>.
        </li>
        <li>
          Put its client id into <code>OIDC_CLIENT_ID</code> and deploy again.
        </li>
      </ol>
      {hasSync && <ToSync />}
    </Plain>
  );
}

/** The page when the Worker does not answer at all. */
export function NoServer({
  message,
  onRetry,
}: {
  readonly message: string;
  readonly onRetry: () => void;
}): JSX.Element {
  return (
    <Plain>
      <p class="lead" role="alert">
        {message}
      </p>
      <button type="button" class="button-main" onClick={onRetry}>
        Try again
      </button>
    </Plain>
  );
}

function Plain({ children }: { readonly children: ComponentChildren }): JSX.Element {
  return (
    <main class="plain">
      <h1 class="brand">
        <Mark />
        <span>GuildHub</span>
      </h1>
      {children}
    </main>
  );
}
