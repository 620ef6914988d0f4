import { cardPage, escapeHtml } from "../doubles/card-page.ts";
import { playerId } from "../discord/seed.ts";

/** The fields of the sign-in form. */
export type LoginForm = {
  readonly name: string;
  readonly discordId: string;
  readonly guilds: string;
  readonly managesRooms: boolean;
};

/** The initial form. It has a Discord id, so that a private room can be opened at once. */
export const EMPTY_LOGIN: LoginForm = {
  name: "",
  discordId: playerId(1),
  guilds: "",
  managesRooms: false,
};

/** The sign-in form. It has no password, because the provider serves this machine only. */
export function loginPage(action: string, form: LoginForm, problem: string | undefined): string {
  const alert =
    problem === undefined ? "" : `<p role="alert" id="problem">${escapeHtml(problem)}</p>`;
  const open = form.guilds !== "" || form.managesRooms ? " open" : "";
  return cardPage(
    "Sign in · GuildHub local",
    `<h1>Sign in to GuildHub</h1>
<p>The local identity provider: any name will do, there is no password.</p>
${alert}
<form method="post" action="${escapeHtml(action)}">
  <label>Name
    <input name="name" value="${escapeHtml(form.name)}" required maxlength="64" autofocus
      autocomplete="username" spellcheck="false">
  </label>
  <label>Discord id
    <small>Player 1 of the local Discord. For a second user take ${playerId(2)}, or none</small>
    <input name="discord_id" value="${escapeHtml(form.discordId)}" maxlength="64" spellcheck="false">
  </label>
  <details${open}>
    <summary>What this user may do</summary>
    <label>Guilds <small>ids, separated by commas; empty: the primary guild</small>
      <input name="guilds" value="${escapeHtml(form.guilds)}" spellcheck="false">
    </label>
    <label class="check">
      <input type="checkbox" name="manages_rooms" value="yes"${form.managesRooms ? " checked" : ""}>
      <span>May manage all rooms <small>scope rooms:manage</small></span>
    </label>
  </details>
  <button type="submit">Sign in</button>
</form>`,
  );
}

/** Ends the provider's session at once. The button is for browsers without scripts. */
export function logoutPage(form: string): string {
  return cardPage(
    "Sign out · GuildHub local",
    `<h1>Signing out</h1>${form}
<button form="op.logoutForm" name="logout" value="yes">Sign out</button>
<script>document.querySelector("button").click()</script>`,
  );
}

/** A plain page with one message. */
export function messagePage(title: string, message: string): string {
  return cardPage(title, `<h1>${escapeHtml(title)}</h1><p>${escapeHtml(message)}</p>`);
}
