import { describe, expect, test, vi } from "vitest";
import { memoryStore } from "../../testing/memory-storage.ts";
import type { SqliteStore } from "../sqlite-store.ts";
import { entryFor } from "../../testing/store-suite.ts";
import { JournalPages } from "./journal-pages.ts";

function filled(count: number, payload = "{}"): SqliteStore {
  const store = memoryStore("e");
  for (let seq = 1; seq <= count; seq += 1) store.append(entryFor(seq, { payload }));
  return store;
}

const range = (pages: JournalPages, after: number): (number | undefined)[] => {
  const { entries } = pages.after(after);
  return [entries[0]?.seq, entries.at(-1)?.seq];
};

describe("pages of the journal that clients share", () => {
  test("follow each other to the end, bounded in rows", () => {
    const pages = new JournalPages(filled(1_100));
    expect([0, 500, 1_000, 1_100, 2_000].map((after) => range(pages, after))).toEqual([
      [1, 500],
      [501, 1_000],
      [1_001, 1_100],
      [undefined, undefined],
      [undefined, undefined],
    ]);
  });

  test("are bounded in bytes as well: half a megabyte", () => {
    const pages = new JournalPages(filled(100, `"${"x".repeat(65_534)}"`));
    expect(range(pages, 0)).toEqual([1, 8]);
    expect(range(pages, 8)).toEqual([9, 16]);
  });

  test("are read once for all clients at the same position, and not at all at the end", () => {
    const store = filled(600);
    const read = vi.spyOn(store, "readAfter");
    const pages = new JournalPages(store);
    expect(pages.after(0)).toBe(pages.after(0));
    expect(pages.after(500)).toBe(pages.after(500));
    pages.after(600);
    expect(read).toHaveBeenCalledTimes(2);
  });

  test("are read again when the journal has grown, but not when they are full", () => {
    const store = filled(600);
    const pages = new JournalPages(store);
    const [first, second] = [pages.after(0), pages.after(500)];
    store.append(entryFor(601));
    expect(pages.after(0)).toBe(first);
    expect(pages.after(500)).not.toBe(second);
    expect(range(pages, 500)).toEqual([501, 601]);
  });

  test("are kept up to a limit: the page that was read first is dropped", () => {
    const store = filled(20);
    const pages = new JournalPages(store);
    const made = Array.from({ length: 8 }, (_, after) => pages.after(after));
    expect(pages.after(0)).toBe(made[0]);
    pages.after(8);
    expect(pages.after(1)).toBe(made[1]);
    expect(pages.after(0)).not.toBe(made[0]);
  });

  test("that have grown count as new", () => {
    const store = filled(20);
    const pages = new JournalPages(store);
    for (let after = 0; after < 8; after += 1) pages.after(after);
    store.append(entryFor(21));
    const grown = pages.after(0);
    pages.after(9);
    expect(pages.after(0)).toBe(grown);
  });
});
