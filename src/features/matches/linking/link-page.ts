import { html } from "hono/html";
import type { LinkOutcome } from "./link-steps.ts";

type Html = ReturnType<typeof html>;

/** The texts of a page. They are constants except for names, which `html` escapes. */
type Words = {
  /** HTTP status. */
  readonly status: 200 | 400 | 403 | 409 | 410 | 429 | 500 | 502 | 503;
  readonly title: string;
  readonly text: string;
  /** What to do now. */
  readonly next: string;
};

const AGAIN = "Use /link in Discord to get a new link.";

/** The page that ends a linking, for phones too. */
export function linkPage(outcome: LinkOutcome, nonce: string): Html | Promise<Html> {
  const { title, text, next } = wordsOf(outcome);
  return html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="color-scheme" content="light dark" />
        <meta name="robots" content="noindex" />
        <title>${title} · GuildHub</title>
        <style nonce="${nonce}">
          :root {
            color-scheme: light dark;
            --text: light-dark(#1a1e27, #e8ebf2);
            --muted: light-dark(#59616f, #a0a9ba);
            --ground: light-dark(#f5f6f9, #10131a);
            --raised: light-dark(#ffffff, #1a1f29);
            --line: light-dark(#dde1e9, #2b3240);
            --accent: light-dark(#4a42d6, #a5a8ff);
          }
          * {
            box-sizing: border-box;
          }
          body {
            display: grid;
            min-height: 100vh;
            min-height: 100dvh;
            margin: 0;
            padding: 1rem;
            place-items: center;
            background: var(--ground);
            color: var(--text);
            font:
              1rem/1.5 system-ui,
              sans-serif;
          }
          main {
            width: 100%;
            max-width: 28rem;
            padding: 1.75rem 1.5rem;
            border: 1px solid var(--line);
            border-top: 4px solid var(--accent);
            border-radius: 0.75rem;
            background: var(--raised);
          }
          h1 {
            margin: 0 0 0.75rem;
            font-size: 1.35rem;
            line-height: 1.25;
          }
          p {
            margin: 0.75rem 0 0;
          }
          .next {
            color: var(--muted);
          }
          dl {
            display: grid;
            grid-template-columns: auto 1fr;
            gap: 0.4rem 1rem;
            margin: 1rem 0 0;
            padding: 0.75rem 0;
            border-block: 1px solid var(--line);
          }
          dt {
            color: var(--muted);
          }
          dd {
            margin: 0;
            font-weight: 600;
            overflow-wrap: anywhere;
          }
        </style>
      </head>
      <body>
        <main>
          <h1>${title}</h1>
          <p>${text}</p>
          ${outcome.kind === "linked" ? names(outcome) : ""}
          <p class="next">${next}</p>
        </main>
      </body>
    </html> `;
}

/** The HTTP status of a page. */
export function statusOf(outcome: LinkOutcome): Words["status"] {
  return wordsOf(outcome).status;
}

/** Both accounts. `bdi` keeps a right-to-left name from changing the direction of other text. */
function names({
  discordName,
  nickname,
}: Extract<LinkOutcome, { kind: "linked" }>): Html | Promise<Html> {
  const discord =
    discordName === null
      ? ""
      : html`<dt>Discord</dt>
          <dd><bdi>${discordName}</bdi></dd>`;
  return html`<dl>
    ${discord}
    <dt>FACEIT</dt>
    <dd><bdi>${nickname}</bdi></dd>
  </dl>`;
}

function wordsOf(outcome: LinkOutcome): Words {
  switch (outcome.kind) {
    case "linked":
      return {
        status: 200,
        title: "Your accounts are linked",
        text: "When you play a match, you get into your side's voice channel in Discord.",
        next: "There is nothing else to do: close this page and go back to Discord. /unlink there undoes it.",
      };
    case "cancelled":
      return {
        status: 200,
        title: "Nothing was linked",
        text: `You said no at ${outcome.at}, so everything is as it was.`,
        next: `Changed your mind? ${AGAIN}`,
      };
    case "expired":
      return {
        status: 410,
        title: "This link is over",
        text: "A link works for ten minutes, and its last steps work once.",
        next: `If you have just linked your account, it is done: /whois in Discord shows it. If not: ${AGAIN}`,
      };
    case "other_discord_user":
      return {
        status: 403,
        title: "This link belongs to somebody else",
        text: "The Discord account in this browser is not the one that asked for this link. Nothing was linked.",
        next: "Did somebody send you this link? Then leave it: it would put your FACEIT account on their name. Is it yours? Sign in at discord.com in this browser with the account that used /link, then open the link again.",
      };
    case "other_browser":
      return {
        status: 403,
        title: "This began in another browser",
        text: "All steps must be done in one browser. Nothing was linked.",
        next: `Did somebody send you this address? Then leave it. Is it yours? ${AGAIN} Allow cookies for this site, and stay in one browser.`,
      };
    case "unreachable":
      return {
        status: 502,
        title: `${outcome.at} does not answer`,
        text: `${outcome.at} did not tell us who you are. Nothing was linked, and it is not your fault.`,
        next: `Wait a few minutes. ${AGAIN}`,
      };
    case "busy":
      return {
        status: 503,
        title: `${outcome.at} asks for a pause`,
        text: `Too many people are signing in at ${outcome.at} right now. Nothing was linked, and it is not your fault.`,
        next: `Wait ${inWords(outcome.retryAfterMs)}. ${AGAIN}`,
      };
    case "refused":
      return {
        status: 502,
        title: `${outcome.at} did not accept this server`,
        text: "Something is set up wrongly here. Nothing was linked.",
        next: "Tell the operator of this server: the log says more.",
      };
    case "no_account_id":
      return {
        status: 502,
        title: "FACEIT did not say which account it is",
        text: "Without that there is nothing to link. Everything is as it was.",
        next: `Check that your FACEIT account is complete. ${AGAIN}`,
      };
    case "not_set_up":
      return {
        status: 503,
        title: "Linking is not set up here",
        text: `The operator of this server must set ${outcome.missing.join(", ")}.`,
        next: "Until then an administrator of the Discord server can link you with /register.",
      };
    case "too_many":
      return {
        status: 429,
        title: "One moment",
        text: "Too many steps came from your connection in the last minute.",
        next: "Wait a minute, then load this page again.",
      };
    case "broken":
      return {
        status: 500,
        title: "Something went wrong here",
        text: "The error was logged. Your accounts may or may not be linked: /whois in Discord shows it.",
        next: `Try again in a moment. ${AGAIN}`,
      };
  }
}

function inWords(ms: number | null): string {
  if (ms === null) return "a few minutes";
  const minutes = Math.max(1, Math.ceil(ms / 60_000));
  return minutes === 1 ? "a minute" : `${minutes} minutes`;
}
