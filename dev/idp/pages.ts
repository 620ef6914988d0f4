/** Makes text safe inside HTML text and quoted attributes. */
function escape(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}

const STYLE = `
  :root { color-scheme: light dark; --ink: #1c2330; --soft: #5c6577; --line: #c9cfdb; --paper: #f3f5f9;
    --card: #fff; --accent: #3b5bdb; --on-accent: #fff; --bad: #b3261e }
  @media (prefers-color-scheme: dark) { :root { --ink: #e8ebf2; --soft: #9aa4b8; --line: #3a4356;
    --paper: #12161f; --card: #1b212d; --accent: #8ea4ff; --on-accent: #10141d; --bad: #ff8a80 } }
  * { box-sizing: border-box }
  body { margin: 0; min-height: 100vh; display: grid; place-items: center; padding: 1rem;
    background: var(--paper); color: var(--ink); font: 1rem/1.5 system-ui, sans-serif }
  main { width: min(24rem, 100%); background: var(--card); border: 1px solid var(--line);
    border-radius: .75rem; padding: 1.5rem }
  h1 { margin: 0; font-size: 1.25rem }
  p { margin: .25rem 0 1.25rem; color: var(--soft); font-size: .9rem }
  label { display: block; margin-top: 1rem; font-weight: 600 }
  small { display: block; color: var(--soft); font-weight: 400 }
  input:not([type=checkbox]) { width: 100%; margin-top: .25rem; padding: .55rem .7rem; font: inherit;
    color: inherit; background: transparent; border: 1px solid var(--line); border-radius: .4rem }
  .check { display: flex; gap: .6rem; align-items: baseline }
  details { margin-top: 1.25rem } summary { cursor: pointer; color: var(--soft) }
  button { width: 100%; margin-top: 1.5rem; padding: .65rem; font: inherit; font-weight: 600; border: 0;
    border-radius: .4rem; background: var(--accent); color: var(--on-accent); cursor: pointer }
  :focus-visible { outline: 2px solid var(--accent); outline-offset: 2px }
  [role=alert] { color: var(--bad); margin: 1rem 0 0 }
`;

function page(title: string, body: string): string {
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escape(title)}</title>
<style>${STYLE}</style>
<main>${body}</main>
</html>`;
}

/** What the sign-in form sends. */
export type LoginForm = {
  readonly name: string;
  readonly discordId: string;
  readonly guilds: string;
  readonly managesRooms: boolean;
};

/** The empty form. */
export const EMPTY_LOGIN: LoginForm = { name: "", discordId: "", guilds: "", managesRooms: false };

/** The sign-in form. Nothing here needs a password: the provider exists on this machine only. */
export function loginPage(action: string, form: LoginForm, problem: string | undefined): string {
  const alert = problem === undefined ? "" : `<p role="alert" id="problem">${escape(problem)}</p>`;
  const open = form.discordId !== "" || form.guilds !== "" || form.managesRooms ? " open" : "";
  return page(
    "Sign in · GuildHub local",
    `<h1>Sign in to GuildHub</h1>
<p>The local identity provider: any name will do, there is no password.</p>
${alert}
<form method="post" action="${escape(action)}">
  <label>Name
    <input name="name" value="${escape(form.name)}" required maxlength="64" autofocus
      autocomplete="username" spellcheck="false">
  </label>
  <details${open}>
    <summary>Who this user is</summary>
    <label>Discord id <small>to see private rooms this user is invited to</small>
      <input name="discord_id" value="${escape(form.discordId)}" maxlength="64" spellcheck="false">
    </label>
    <label>Guilds <small>ids, separated by commas; empty: the primary guild</small>
      <input name="guilds" value="${escape(form.guilds)}" spellcheck="false">
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

/** Ends the provider's session at once; the button is for browsers without scripts. */
export function logoutPage(form: string): string {
  return page(
    "Sign out · GuildHub local",
    `<h1>Signing out</h1>${form}
<button form="op.logoutForm" name="logout" value="yes">Sign out</button>
<script>document.querySelector("button").click()</script>`,
  );
}

/** A plain page with one message. */
export function messagePage(title: string, message: string): string {
  return page(title, `<h1>${escape(title)}</h1><p>${escape(message)}</p>`);
}
