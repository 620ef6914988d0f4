import { CLOSE_CODES } from "../../protocol/close-codes.ts";
import { ERROR_CODES, FRAME_ERRORS, type ErrorRow } from "../../protocol/error-codes.ts";

const PROBLEMS: readonly (readonly [string, ErrorRow])[] = Object.entries(ERROR_CODES);

/** `docs/errors.md`: the tables of `src/protocol` as a page. */
export function errorsPage(): string {
  return `# Errors

Written by \`npm run spec\` from \`src/protocol/error-codes.ts\` and \`src/protocol/close-codes.ts\`.

Every failure over HTTP is a problem document (RFC 9457, \`application/problem+json\`):

\`\`\`json
{
  "type": "/docs/errors#room_not_found",
  "title": "No such room",
  "status": 404,
  "detail": "There is no such room, or you may not see it.",
  "message": "There is no such room, or you may not see it.",
  "code": "room_not_found",
  "requestId": "5f2b…"
}
\`\`\`

Programs decide by \`code\`; \`detail\` and \`message\` are the same sentence for people. \`errors\`, where it
stands, names each wrong field by a JSON pointer. \`requestId\` finds the request in the log.

${PROBLEMS.map(([code, { status, help }]) => `## ${code}\n\n**${status}.** ${help}`).join("\n\n")}

# Error frames on \`/ws\`

| code | meaning |
| --- | --- |
${Object.entries(FRAME_ERRORS)
  .map(([code, text]) => `| \`${code}\` | ${text} |`)
  .join("\n")}

# Close codes of \`/ws\`

| code | meaning | reconnect |
| --- | --- | --- |
${Object.values(CLOSE_CODES)
  .map(({ code, meaning, reconnect }) => `| ${code} | ${meaning} | ${reconnect} |`)
  .join("\n")}
`;
}

/** The same for a browser, at the address that a problem's `type` names. Needs no script. */
export function errorsHtml(): string {
  const sections = PROBLEMS.map(
    ([code, { status, title, help }]) => `
        <h2 id="${code}">${escape(title)}</h2>
        <p><code>${code}</code>, HTTP ${status}</p>
        <p>${escape(help).replaceAll(/`([^`]+)`/g, "<code>$1</code>")}</p>`,
  );
  return `<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8" />
    <meta name="viewport" content="width=device-width, initial-scale=1" />
    <meta name="color-scheme" content="light dark" />
    <title>GuildHub: errors</title>
    <style>
      body { max-width: 45rem; margin: auto; padding: 1rem; font: 1rem/1.5 system-ui, sans-serif }
      h2 { margin: 2rem 0 0 }
      :target { text-decoration: underline }
      p { margin: 0.25rem 0 }
    </style>
  </head>
  <body>
    <main>
      <h1>Errors</h1>
      <p><a href="/docs">All operations and frames</a></p>${sections.join("")}
    </main>
  </body>
</html>
`;
}

function escape(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;");
}
