import { cardPage, escapeHtml } from "../card-page.ts";
import type { PlayerRecord } from "./model.ts";

/** Asks who to be. @param action where the choice is posted, the request's own query included */
export function consentPage(action: string, players: readonly PlayerRecord[]): string {
  const buttons = players.map(
    ({ id, nickname }) =>
      `<button name="player" value="${escapeHtml(id)}">Continue as ${escapeHtml(nickname)}</button>`,
  );
  return cardPage(
    "Sign in · FACEIT local",
    `<h1>Connect your FACEIT account</h1>
<p>The local FACEIT: choose whoever you want to be, there is no password.</p>
<form method="post" action="${escapeHtml(action)}">
${buttons.join("\n")}
<button name="cancel" value="yes" class="second">Cancel</button>
</form>`,
  );
}

/** Says why nobody is sent anywhere. */
export function refusalPage(problem: string): string {
  return cardPage(
    "Not possible · FACEIT local",
    `<h1>This request is not possible</h1><p role="alert">${escapeHtml(problem)}</p>`,
  );
}
