/** The cell of a subject that has nothing to measure. The text of the document says why. */
export const CANNOT = "cannot";

/** A column of a table: its head, and its cell for an item. */
export type Column<Item> = readonly [head: string, cell: (item: Item) => string];

/** A table with a row for each item. */
export function tableOf<Item>(items: readonly Item[], columns: readonly Column<Item>[]): string {
  const rows = items.map((item) => columns.map(([, cell]) => cell(item)));
  return table([columns.map(([head]) => head), ...rows]);
}

/** A Markdown table, padded as the formatter pads it, so that it reads as text as well. */
export function table(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, column) =>
    Math.max(3, ...rows.map((row) => row[column]?.length ?? 0)),
  );
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(" | ")} |`;
  const [head = [], ...body] = rows;
  return [line(head), line(widths.map((width) => "-".repeat(width))), ...body.map(line)].join("\n");
}

/** A figure with three significant digits. */
export function count(value: number): string {
  return Number(value.toPrecision(3)).toLocaleString("en-US");
}

/** A whole number with thousands separators. */
export function whole(value: number): string {
  return Math.round(value).toLocaleString("en-US");
}

/** A ratio. */
export function times(value: number): string {
  return Number.isNaN(value) ? "–" : `${value.toFixed(2)} ×`;
}

/** An amount of memory. */
export function kib(value: number): string {
  return `${value.toFixed(0)} KiB`;
}

/** A time, in milliseconds. */
export function ms(value: number): string {
  return `${value.toFixed(1)} ms`;
}

/** A time in seconds. @param value milliseconds */
export function seconds(value: number): string {
  return `${(value / 1000).toFixed(2)} s`;
}

/** A percentage. @param share of 1 */
export function percent(share: number): string {
  return `${whole(share * 100)} %`;
}

/** Whether a run met an aim; null: it did not measure it. */
export function verdict(met: boolean | null): string {
  if (met === null) return "–";
  return met ? "aim met" : "aim missed";
}
