import { signal } from "@preact/signals";
import { ErrorResponse, type User, UserManager, WebStorageStateStore } from "oidc-client-ts";
import { failed, type Outcome, type TokenSource } from "../../src/client/outcome.ts";
import { type Claims, claimsOf } from "./claims.ts";
import type { GuildConfig } from "./config.ts";

/** Seconds before expiry at which a token is renewed: earlier than the hub's own warning. */
const RENEW_BEFORE_SECONDS = 90;

/** A path of this origin; `//host` would be another origin. */
const OWN_PATH = /^\/(?!\/)/;

/** Who is signed in. */
export type SignedIn = { readonly name: string; readonly claims: Claims };

const SIGNED_OUT = failed({
  kind: "signed-out",
  message: "Your sign-in has ended. Please sign in again.",
});

/**
 * Sign-in with OAuth2 and PKCE at the configured provider. Tokens are in this tab's session storage: they
 * survive a reload and are deleted with the tab.
 */
export class SignIn {
  /** Null: nobody. */
  readonly user = signal<SignedIn | null>(null);
  /** Whether a sign-in expired while the page was open. */
  readonly ranOut = signal(false);
  readonly #manager: UserManager;
  #renewing: Promise<Outcome<string>> | undefined;

  constructor(config: GuildConfig, clientId: string) {
    const page = `${location.origin}/`;
    this.#manager = new UserManager({
      authority: config.issuer,
      client_id: clientId,
      redirect_uri: page,
      post_logout_redirect_uri: page,
      scope: "openid profile offline_access",
      // The API that the token is for: by RFC 8707 if it is a URL, otherwise by the name that some
      // providers use.
      ...(/^https?:/.test(config.audience)
        ? { resource: config.audience }
        : { extraQueryParams: { audience: config.audience } }),
      userStore: new WebStorageStateStore({ store: sessionStorage }),
      stateStore: new WebStorageStateStore({ store: sessionStorage }),
      automaticSilentRenew: false,
      accessTokenExpiringNotificationTimeInSeconds: RENEW_BEFORE_SECONDS,
    });
    this.#manager.events.addAccessTokenExpiring(() => void this.#renew());
    this.#manager.events.addUserLoaded((user) => {
      this.#show(user);
    });
    this.#manager.events.addUserUnloaded(() => {
      this.user.value = null;
    });
  }

  /**
   * Continues after a return from the provider or a reload.
   * @returns what went wrong at the provider, in words; undefined if nothing did
   */
  async resume(): Promise<string | undefined> {
    const query = new URLSearchParams(location.search);
    if (!query.has("state") || !(query.has("code") || query.has("error"))) {
      this.#show(await this.#manager.getUser());
      return undefined;
    }
    let place = "";
    try {
      const user = await this.#manager.signinRedirectCallback();
      const { state } = user;
      if (typeof state === "string" && state.startsWith("#")) place = state;
      this.#show(user);
      if (typeof state === "string" && OWN_PATH.test(state)) location.replace(state);
      return undefined;
    } catch (error) {
      this.#show(await this.#manager.getUser());
      return this.user.value === null ? callbackProblem(error) : undefined;
    } finally {
      history.replaceState(null, "", `${location.pathname}${place}`);
    }
  }

  /** Supplies access tokens for the API. */
  readonly tokens: TokenSource = async (stale) => {
    const user = await this.#manager.getUser();
    if (user === null) return SIGNED_OUT;
    const usable = user.expired !== true && user.access_token !== stale;
    return usable ? { ok: true, value: user.access_token } : this.#renew();
  };

  /**
   * Goes to the provider's sign-in page.
   * @param backTo path of this origin to return to; absent: the page itself
   * @returns only if that failed: why, in words
   */
  async start(backTo?: string): Promise<string> {
    try {
      // A visitor who followed a link into the page is returned there.
      await this.#manager.signinRedirect({ state: backTo ?? location.hash });
      return "";
    } catch {
      return "The sign-in service can't be reached right now. Try again in a moment.";
    }
  }

  /** Ends the session here, and at the provider if it supports that. */
  async end(): Promise<void> {
    try {
      await this.#manager.signoutRedirect();
    } catch {
      await this.#manager.removeUser();
    }
  }

  /** Only one renewal at a time, because a refresh token works once. */
  async #renew(): Promise<Outcome<string>> {
    this.#renewing ??= this.#renewOnce().finally(() => {
      this.#renewing = undefined;
    });
    return this.#renewing;
  }

  async #renewOnce(): Promise<Outcome<string>> {
    const user = await this.#manager.getUser();
    if (user?.refresh_token === undefined) return this.#ended();
    try {
      const renewed = await this.#manager.signinSilent();
      return renewed === null ? await this.#ended() : { ok: true, value: renewed.access_token };
    } catch (error) {
      // The provider refused; any other failure may pass.
      if (error instanceof ErrorResponse) return this.#ended();
      return failed({
        kind: "unreachable",
        message: "The sign-in service can't be reached right now.",
      });
    }
  }

  async #ended(): Promise<Outcome<string>> {
    const user = await this.#manager.getUser();
    if (user?.expired === true) {
      this.ranOut.value = true;
      await this.#manager.removeUser();
    }
    return SIGNED_OUT;
  }

  #show(user: User | null): void {
    const claims = user === null ? undefined : claimsOf(user.access_token);
    if (user === null || claims === undefined) {
      this.user.value = null;
      return;
    }
    const { name, preferred_username: username } = user.profile;
    this.user.value = { name: name ?? username ?? claims.sub, claims };
  }
}

/** Why a visitor returned from the provider without being signed in, in words. */
export function callbackProblem(error: unknown): string {
  if (error instanceof ErrorResponse) {
    const reason = error.error_description?.replace(/\.$/, "");
    // Providers send the same code when one of their rules denies access; then there is a reason.
    if (error.error === "access_denied" && reason === undefined) {
      return "You cancelled the sign-in.";
    }
    return `The sign-in service refused: ${reason ?? error.error ?? "no reason given"}.`;
  }
  return "The sign-in was not completed. Please try again.";
}
