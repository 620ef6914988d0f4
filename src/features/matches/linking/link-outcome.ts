/** Who a person signs in at on the way. */
export type Provider = "Discord" | "FACEIT";

/** How a linking ended: what the page says. */
export type LinkOutcome =
  | {
      readonly kind: "linked";
      readonly nickname: string;
      /** Null: the browser forgot it on the way. */
      readonly discordName: string | null;
    }
  /** The person said no. */
  | { readonly kind: "cancelled"; readonly at: Provider }
  /** Nobody knows this state: it is used, older than ten minutes, or made up. */
  | { readonly kind: "expired" }
  /** Somebody else than who used `/link` signed in at Discord. */
  | { readonly kind: "other_discord_user" }
  /** Another browser began. */
  | { readonly kind: "other_browser" }
  | { readonly kind: "unreachable"; readonly at: Provider }
  /** The provider asks everybody to wait; null: it does not say for how long. */
  | { readonly kind: "busy"; readonly at: Provider; readonly retryAfterMs: number | null }
  /** The provider does not accept this server. */
  | { readonly kind: "refused"; readonly at: Provider }
  /** FACEIT did not say which account it is. */
  | { readonly kind: "no_account_id" }
  /** Variables are missing. */
  | { readonly kind: "not_set_up"; readonly missing: readonly string[] }
  | { readonly kind: "too_many" }
  /** A bug, or a part that is away. */
  | { readonly kind: "broken" };

/** The next address of the browser, or the end. */
export type LinkStepResult<Go> = ({ readonly kind: "go"; readonly url: string } & Go) | LinkOutcome;
