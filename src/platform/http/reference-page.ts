/** A static page without scripts. Nothing on it comes from a request. */
export function referencePage(title: string, body: string): string {
  return `<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8" />
    <meta name="viewport" content="width=device-width, initial-scale=1" />
    <meta name="color-scheme" content="light dark" />
    <title>GuildHub: ${title.toLowerCase()}</title>
    <style>
      :root { color-scheme: light dark; --text: light-dark(#1a1e27, #e8ebf2); --muted: light-dark(#59616f, #a0a9ba);
        --ground: light-dark(#f5f6f9, #10131a); --raised: light-dark(#e9ebf1, #222834);
        --accent: light-dark(#4a42d6, #a5a8ff); --line: light-dark(#dde1e9, #2b3240) }
      body { margin: 0; background: var(--ground); color: var(--text); font: 1rem/1.5 system-ui, sans-serif }
      main { max-width: 48rem; margin: auto; padding: 1.5rem 1rem 4rem }
      a { color: var(--accent) }
      h1 { padding: 0 0.5rem }
      h2 { margin: 2rem 0 0; padding: 0 0.5rem; font-size: 1.15rem; scroll-margin-top: 1rem }
      h2:target { border-radius: 0.5rem; background: var(--raised); box-shadow: inset 3px 0 var(--accent) }
      p { margin: 0.25rem 0; padding: 0 0.5rem }
      code { padding: 0.1em 0.3em; border-radius: 0.3em; background: var(--raised); font-size: 0.9em; overflow-wrap: anywhere }
      table { width: 100%; margin-top: 0.5rem; border-collapse: collapse }
      th, td { padding: 0.4rem 0.5rem; border-top: 1px solid var(--line); text-align: left; vertical-align: top }
      th { color: var(--muted); font-weight: 500 }
      td:nth-child(2):not(:last-child) { white-space: nowrap }
    </style>
  </head>
  <body>
    <main>
      <h1>${title}</h1>
      <p><a href="/docs">API</a> · <a href="/docs/errors">errors</a> · <a href="/docs/limits">limits</a></p>
${body}
    </main>
  </body>
</html>
`;
}

/** One line of Markdown as HTML. The only markup that it supports is \`code\`. */
export function inline(markdown: string): string {
  return markdown
    .replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;")
    .split("`")
    .map((text, i) =>
      // Lets the browser break a long name after each underscore.
      i % 2 === 0 ? text : `<code>${text.replaceAll("_", "_<wbr>")}</code>`,
    )
    .join("");
}

/** A table whose cells are Markdown, as HTML. */
export function htmlTable(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const cells = (tag: "th" | "td", row: readonly string[]): string =>
    `<tr>${row.map((cell) => `<${tag}>${inline(cell)}</${tag}>`).join("")}</tr>`;
  return `<table>${cells("th", head)}${rows.map((row) => cells("td", row)).join("")}</table>`;
}

/** The same table as Markdown. */
export function markdownTable(
  head: readonly string[],
  rows: readonly (readonly string[])[],
): string {
  const line = (row: readonly string[]): string => `| ${row.join(" | ")} |`;
  return [line(head), line(head.map(() => "---")), ...rows.map(line)].join("\n");
}
