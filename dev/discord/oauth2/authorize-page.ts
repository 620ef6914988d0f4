import { cardPage, escapeHtml } from "../../card-page.ts";
import type { UserRecord } from "../model.ts";

/** Asks who the browser is; the answer is posted to the page's own address. */
export function consentPage(users: readonly UserRecord[], application: UserRecord): string {
  const buttons = users.map(({ id, username, globalName }) => {
    const name = escapeHtml(globalName ?? username);
    return `<button name="user_id" value="${escapeHtml(id)}">Continue as ${name}</button>`;
  });
  return cardPage(
    "Authorize · Discord local",
    `<h1>${escapeHtml(application.globalName ?? application.username)} asks who you are</h1>
<p>The local Discord: choose whoever you want to be, there is no password.</p>
<form method="post">
${buttons.join("\n")}
<button name="cancel" value="yes" class="second">Cancel</button>
</form>`,
  );
}

/** Says why nobody is sent anywhere. */
export function refusalPage(problem: string): string {
  return cardPage(
    "Not possible · Discord local",
    `<h1>This request is not possible</h1><p role="alert">${escapeHtml(problem)}</p>`,
  );
}
