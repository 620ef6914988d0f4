import { describe, expect, it } from "vitest";
import { lookAtBundle, type Metafile, WORKER_MAX_KIB } from "./bundle-size.ts";

const BUDGETS = { libraries: 60, platform: 20, rooms: 20, entry: 5 };

/** A bundle of these files with their sizes; each imports the given modules. */
function bundleOf(
  files: Readonly<Record<string, number>>,
  imports: readonly string[] = [],
): Metafile {
  const entries = Object.entries(files);
  return {
    inputs: Object.fromEntries(
      entries.map(([file]) => [file, { imports: imports.map((original) => ({ original })) }]),
    ),
    outputs: {
      "index.js": {
        inputs: Object.fromEntries(
          entries.map(([file, bytesInOutput]) => [file, { bytesInOutput }]),
        ),
      },
      "index.js.map": { inputs: {} },
    },
  };
}

const FILES = {
  "node_modules/zod/v4/core/core.js": 300,
  "../elsewhere/node_modules/hono/dist/hono.js": 200,
  "src/platform/clock.ts": 200,
  "src/features/rooms/index.ts": 100,
  "drizzle/rooms.ts": 100,
  "drizzle/platform.ts": 50,
  "src/app.ts": 25,
  "package.json": 25,
};

describe("the Worker's bundle", () => {
  it("is listed part by part, and the parts add up", () => {
    const { lines, problems } = lookAtBundle(bundleOf(FILES), 100 * 1024, BUDGETS);
    expect(lines.map((line) => line.replaceAll(/ +/g, " "))).toEqual([
      "libraries 50.0 of 60 KiB",
      "platform 25.0 of 20 KiB",
      "rooms 20.0 of 20 KiB",
      "entry 5.0 of 5 KiB",
      `whole 100.0 of ${WORKER_MAX_KIB} KiB`,
    ]);
    expect(problems).toEqual(["platform has 25.0 KiB; at most 20."]);
  });

  it("must not exceed the budget of the whole", () => {
    const bytes = WORKER_MAX_KIB * 1024;
    const budgets = { libraries: 300, platform: 300, rooms: 300, entry: 300 };
    expect(lookAtBundle(bundleOf(FILES), bytes, budgets).problems).toEqual([]);
    expect(lookAtBundle(bundleOf(FILES), bytes + 103, budgets).problems).toEqual([
      expect.stringMatching(/^whole has 316\.1 KiB/),
    ]);
  });

  it("has a budget for each area", () => {
    const { problems } = lookAtBundle(bundleOf({ "src/features/chat/index.ts": 1 }), 1, BUDGETS);
    expect(problems).toEqual([expect.stringMatching(/^chat has no budget/)]);
  });

  it("is not empty", () => {
    expect(lookAtBundle({ inputs: {}, outputs: {} }, 0, BUDGETS).problems).toEqual([
      "The bundle is empty.",
    ]);
  });

  it("replaces only imports of zod", () => {
    const of = (file: string): readonly string[] =>
      lookAtBundle(bundleOf({ [file]: 1 }, ["../locales/index.js"]), 1, BUDGETS).problems;
    expect(of("node_modules/zod/v4/core/index.js")).toEqual([]);
    expect(of("node_modules/another/index.js")).toEqual([expect.stringContaining("another")]);
  });
});
