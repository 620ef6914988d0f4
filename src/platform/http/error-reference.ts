import { CLOSE_CODES } from "../../protocol/close-codes.ts";
import { ERROR_CODES, FRAME_ERRORS, type ErrorRow } from "../../protocol/error-codes.ts";
import { htmlTable, inline, markdownTable, referencePage } from "./reference-page.ts";

const PROBLEMS: readonly (readonly [string, ErrorRow])[] = Object.entries(ERROR_CODES);

const TABLES = [
  {
    id: "frames",
    title: "Error frames on `/ws`",
    intro:
      "The connection stays open, but the third frame that cannot be read closes it with 4499.",
    head: ["code", "meaning"],
    rows: Object.entries(FRAME_ERRORS).map(([code, text]) => [`\`${code}\``, text]),
  },
  {
    id: "close-codes",
    title: "Close codes of `/ws`",
    intro:
      "`yes`: reconnect after a random pause, and resume. `after refresh`: get a new token first. `no`: reconnect only once the cause is gone.",
    head: ["code", "reconnect", "meaning"],
    rows: Object.values(CLOSE_CODES).map(({ code, ...row }) => [
      String(code),
      row.reconnect,
      row.meaning,
    ]),
  },
];

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

${TABLES.map(({ title, intro, head, rows }) => `# ${title}\n\n${intro}\n\n${markdownTable(head, rows)}`).join("\n\n")}
`;
}

/** The same page as HTML, served at the address that a problem's `type` names. */
export function errorsHtml(): string {
  const problems = PROBLEMS.map(
    ([code, { status, title, help }]) =>
      `<h2 id="${code}">${inline(title)}</h2>
<p>HTTP ${status} ${inline(`\`${code}\``)}</p>
<p>${inline(help)}</p>`,
  );
  const tables = TABLES.map(
    ({ id, title, intro, head, rows }) =>
      `<h2 id="${id}">${inline(title)}</h2><p>${inline(intro)}</p>${htmlTable(head, rows)}`,
  );
  return referencePage("Errors", [...problems, ...tables].join("\n"));
}
