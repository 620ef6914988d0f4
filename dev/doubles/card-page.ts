/** Escapes text for HTML content and quoted attributes. */
export function escapeHtml(text: string): string {
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
  input:not([type=checkbox]) { width: 100%; margin-top: .25rem; padding: .55rem .7rem; font: inherit; font-weight: 400;
    color: inherit; background: transparent; border: 1px solid var(--line); border-radius: .4rem }
  .check { display: flex; gap: .6rem; align-items: baseline }
  details { margin-top: 1.25rem } summary { cursor: pointer; color: var(--soft) }
  button { width: 100%; margin-top: 1.5rem; padding: .65rem; font: inherit; font-weight: 600; border: 0;
    border-radius: .4rem; background: var(--accent); color: var(--on-accent); cursor: pointer }
  .second { background: transparent; color: inherit; border: 1px solid var(--line) }
  :focus-visible { outline: 2px solid var(--accent); outline-offset: 2px }
  [role=alert] { color: var(--bad); margin: 1rem 0 0 }
`;

/** A page of one of the local doubles: a single card. @param body HTML */
export function cardPage(title: string, body: string): string {
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escapeHtml(title)}</title>
<link rel="icon" href="data:,">
<style>${STYLE}</style>
<main>${body}</main>
</html>`;
}

/**
 * An OAuth2 page where the user chooses an account, with a button for each.
 * @param page its texts, the service (`Discord` or `FACEIT`), and where the choice is posted
 */
export function choicePage(page: {
  readonly title: string;
  readonly heading: () => string;
  readonly service: string;
  readonly field: string;
  readonly people: () => readonly { readonly id: string; readonly name: string }[];
  readonly action: string;
}): string {
  const { title, service, field, action } = page;
  const buttons = page
    .people()
    .map(
      ({ id, name }) =>
        `<button name="${field}" value="${escapeHtml(id)}">Continue as ${escapeHtml(name)}</button>`,
    );
  return cardPage(
    `${title} · ${service} local`,
    `<h1>${escapeHtml(page.heading())}</h1>
<p>The local ${service}: choose any account, there is no password.</p>
<form method="post" action="${escapeHtml(action)}">
${buttons.join("\n")}
<button name="cancel" value="yes" class="second">Cancel</button>
</form>`,
  );
}

/** A page that says why the browser is not sent back. @param service `Discord` or `FACEIT` */
export function refusalPage(service: string, problem: string): string {
  return cardPage(
    `Not possible · ${service} local`,
    `<h1>This request is not possible</h1><p role="alert">${escapeHtml(problem)}</p>`,
  );
}
