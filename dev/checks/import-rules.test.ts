import { readdir, readFile } from "node:fs/promises";
import path from "node:path";
import { beforeAll, describe, expect, it } from "vitest";

const ROOT = path.resolve(import.meta.dirname, "../..");

type Import = { readonly target: string; readonly typeOnly: boolean };

/** Files of one area, and what they may import: prefixes of paths below the repository. */
type Rule = {
  readonly area: string;
  readonly files: (file: string) => boolean;
  readonly may: (file: string, imported: Import) => boolean;
};

const under =
  (...prefixes: readonly string[]) =>
  (file: string): boolean =>
    prefixes.some((prefix) => file === prefix || file.startsWith(prefix));

/** The files of the hub that a feature may import: its ports, not its internals. */
const HUB_PORTS = [
  "src/hub/env.ts",
  "src/hub/guild-config.ts",
  "src/hub/guild-kind.ts",
  "src/hub/publisher.ts",
  "src/hub/hub-client.ts",
  "src/hub/extension.ts",
  "src/hub/kept-rows.ts",
  "src/hub/command.ts",
  "src/hub/area.ts",
  "src/hub/kind.ts",
  "src/hub/ticket.ts",
  "src/hub/core/calls.ts",
  "src/hub/core/dialect.ts",
  "src/hub/core/journal.ts",
  "src/hub/core/session.ts",
  "src/hub/dialects/json-frame.ts",
  "src/hub/dialects/socket-io.ts",
  "src/hub/edge/accept.ts",
  "src/hub/edge/hand-over.ts",
  "src/hub/edge/socket-io.ts",
];
/** The files of the gateway that a feature may import. */
const GATEWAY_PORTS = [
  "src/gateway/env.ts",
  "src/gateway/guild-changes.ts",
  "src/gateway/guild-voice.ts",
];
/** The only platform files that `hub/core` may import, because it is deterministic: time, ids and results. */
const CORE_PLATFORM = ["src/platform/clock.ts", "src/platform/ids.ts", "src/platform/result.ts"];

/** What tools may import besides their own files. */
const KNOWN_TO_TOOLS = [
  "src/protocol/",
  "src/client/",
  "src/testing/documented.ts",
  "src/testing/fake-hub.ts",
  "src/testing/random.ts",
  "src/testing/soon.ts",
  ...CORE_PLATFORM,
  "src/config.ts",
  "src/platform/variables.ts",
  "dev/",
];
/** Hubs in memory, for tests and the simulation, and which object counts a request. */
const SIMULATED = ["src/testing/", "src/platform/rate-limit.ts", "src/platform/quota.ts"];

/** Files in which a tool requires a default export. */
const HAS_DEFAULT_EXPORT: ReadonlySet<string> = new Set([
  "src/index.ts",
  "src/testing/hubs-worker.ts",
  "drizzle/drizzle.config.ts",
  "console/vite.config.ts",
  "vitest.config.ts",
]);

function featureOf(file: string): string {
  return file.split("/").slice(0, 3).join("/");
}

/** ARCHITECTURE.md §3, line by line. */
const RULES: readonly Rule[] = [
  {
    area: "protocol",
    files: under("src/protocol/"),
    may: (_, { target }) => under("src/protocol/")(target),
  },
  {
    area: "platform",
    files: under("src/platform/"),
    may: (_, { target }) =>
      under("src/protocol/", "src/platform/", "drizzle/platform.ts", "package.json")(target),
  },
  {
    area: "hub/core",
    files: under("src/hub/core/"),
    may: (_, { target, typeOnly }) =>
      under("src/protocol/", "src/hub/core/", ...CORE_PLATFORM)(target) ||
      (typeOnly && target === "src/hub/publisher.ts"),
  },
  {
    area: "hub",
    files: (file) => under("src/hub/")(file) && !under("src/hub/core/")(file),
    may: (_, { target }) => under("src/protocol/", "src/platform/", "src/hub/")(target),
  },
  {
    area: "the gateway",
    files: under("src/gateway/"),
    may: (_, { target }) =>
      under("src/protocol/", "src/platform/", "src/gateway/", ...HUB_PORTS)(target),
  },
  {
    area: "features",
    files: under("src/features/"),
    may: (file, { target }) =>
      under(
        "src/protocol/",
        "src/platform/",
        `${featureOf(file)}/`,
        `drizzle/${path.basename(featureOf(file))}.ts`,
        ...HUB_PORTS,
        ...GATEWAY_PORTS,
      )(target),
  },
  {
    area: "client",
    files: under("src/client/"),
    may: (_, { target }) => under("src/protocol/", "src/client/")(target),
  },
  {
    area: "gateway-worker",
    files: under("gateway-worker/"),
    may: (_, { target }) => under("src/protocol/", "gateway-worker/")(target),
  },
  {
    area: "console",
    files: under("console/src/"),
    may: (_, { target }) => under("src/protocol/", "src/client/", "console/src/")(target),
  },
  {
    area: "the Worker's root",
    files: (file) => /^src\/[^/]+$/.test(file),
    may: (_, { target }) => under("src/")(target) && !under("src/testing/")(target),
  },
  {
    area: "the simulation",
    files: under("bench/simulation/"),
    // It runs the shipped code over a simulated platform.
    may: (_, { target }) => under(...KNOWN_TO_TOOLS, "bench/", ...SIMULATED)(target),
  },
  {
    area: "dev, e2e and bench",
    files: under("dev/", "e2e/", "bench/"),
    // Doubles of external services must not depend on the code that they test.
    may: (file, { target }) =>
      under(...KNOWN_TO_TOOLS, `${file.slice(0, file.indexOf("/"))}/`)(target),
  },
  {
    area: "drizzle",
    files: under("drizzle/"),
    may: (_, { target }) => under("drizzle/")(target),
  },
];

/** Tests may also import test helpers. */
const isTest = (file: string): boolean =>
  /\.(workers\.)?test\.tsx?$/.test(file) || under("src/testing/")(file);

/** Applies to tests as well: `e2e/` and `bench/` do not import each other, and nothing else imports them. */
function crossing(file: string, target: string): string[] {
  const isCrossing = ["e2e/", "bench/"].some(
    (area) => target.startsWith(area) && !file.startsWith(area),
  );
  return isCrossing
    ? [`${file} may not import ${target}: move what both need to dev/testing.`]
    : [];
}

async function sourceFiles(): Promise<string[]> {
  const areas = ["src", "gateway-worker", "console/src", "drizzle", "dev", "e2e", "bench"];
  const found = await Promise.all(
    areas.map(async (area) => {
      const entries = await readdir(path.join(ROOT, area), { recursive: true });
      return entries.map((entry) => `${area}/${entry.split(path.sep).join("/")}`);
    }),
  );
  return found.flat().filter((file) => /\.tsx?$/.test(file) && !file.includes("node_modules"));
}

/** Relative imports and re-exports of a file, as paths below the repository. */
function importsOf(file: string, source: string): Import[] {
  const statements = /^(?:import|export)\s(?:[^;"']*?\sfrom\s)?["'](\.[^"']+)["']/gm;
  const dynamic = /\bimport\(\s*["'](\.[^"']+)["']\s*\)/g;
  const resolve = (specifier: string): string =>
    path.posix.join(path.posix.dirname(file), specifier);
  return [
    ...[...source.matchAll(statements)].map(([text, specifier = ""]) => ({
      target: resolve(specifier),
      typeOnly: /^(?:import|export)\s+type\s/.test(text),
    })),
    ...[...source.matchAll(dynamic)].map(([, specifier = ""]) => ({
      target: resolve(specifier),
      typeOnly: false,
    })),
  ];
}

/** Imports that no rule allows, as messages that say what to do. */
function violations(files: ReadonlyMap<string, string>): string[] {
  return [...files].flatMap(([file, source]) => {
    if (isTest(file))
      return importsOf(file, source).flatMap(({ target }) => crossing(file, target));
    const rule = RULES.find((one) => one.files(file));
    if (rule === undefined) return [`${file} belongs to no area: give it a rule here.`];
    return importsOf(file, source)
      .filter((imported) => !rule.may(file, imported))
      .map(
        ({ target }) =>
          `${file} may not import ${target}. CONTRIBUTING.md and RULES here say what ${rule.area} may know: pass it in through a port, or move what both need to src/protocol.`,
      );
  });
}

/** Files that import each other, directly or through others, even if only for types (Tarjan 1972). */
function circles(files: ReadonlyMap<string, string>): string[][] {
  const order = new Map<string, number>();
  const open: string[] = [];
  const found: string[][] = [];
  const visit = (file: string): number => {
    let low = order.size;
    const mine = low;
    order.set(file, mine);
    open.push(file);
    for (const { target } of importsOf(file, files.get(file) ?? "")) {
      if (!files.has(target)) continue;
      if (!order.has(target)) low = Math.min(low, visit(target));
      else if (open.includes(target)) low = Math.min(low, order.get(target) ?? mine);
    }
    if (low === mine) {
      const circle = open.splice(open.indexOf(file));
      if (circle.length > 1) found.push(circle.toSorted());
    }
    return low;
  };
  for (const file of files.keys()) if (!order.has(file)) visit(file);
  return found;
}

/** Files of an area that the platform gives an `Env`. They pass it on; everything else gets ports. */
const GETS_ENV =
  /^src\/features\/\w+\/(?:(?:wire|env|config|ports|index|hourly|hub-extension|errors)\.ts|routes\/|room\/match-room\.ts)/;

function envTypes(files: ReadonlyMap<string, string>): string[] {
  return [...files]
    .filter(([file]) => file.startsWith("src/features/") && !isTest(file) && !GETS_ENV.test(file))
    .filter(([, source]) => /\b[A-Z]\w*Env\b/.test(source))
    .map(([file]) => `${file} knows an Env: pass what it needs in, from wire.ts.`);
}

function defaultExports(files: ReadonlyMap<string, string>): string[] {
  return [...files]
    .filter(([file, source]) => !HAS_DEFAULT_EXPORT.has(file) && /^export default\b/m.test(source))
    .map(
      ([file]) => `${file} has a default export: give it a name, so that it has one everywhere.`,
    );
}

describe("who may import what (ARCHITECTURE.md §3)", () => {
  let files: ReadonlyMap<string, string>;

  beforeAll(async () => {
    const names = await sourceFiles();
    files = new Map(
      await Promise.all(
        names.map(async (file) => [file, await readFile(path.join(ROOT, file), "utf8")] as const),
      ),
    );
  });

  it("holds for every file", () => {
    expect(files.size).toBeGreaterThan(150);
    expect(violations(files)).toEqual([]);
  });

  it("has no cycle", () => {
    expect(circles(files)).toEqual([]);
    const ring = new Map([
      ["src/a.ts", 'import type { B } from "./b.ts";'],
      ["src/b.ts", 'import { c } from "./c.ts";\nimport "./d.ts";'],
      ["src/c.ts", 'export { a } from "./a.ts";'],
      ["src/d.ts", ""],
    ]);
    expect(circles(ring)).toEqual([["src/a.ts", "src/b.ts", "src/c.ts"]]);
  });

  it("keeps bindings out of use cases, adapters and cores", () => {
    expect(envTypes(files)).toEqual([]);
    const source = "function presentTroubles(env: PlatformEnv) {}";
    expect(envTypes(new Map([["src/features/matches/adapters/x.ts", source]]))).toHaveLength(1);
  });

  it("has no default exports", () => {
    expect(defaultExports(files)).toEqual([]);
    expect(defaultExports(new Map([["src/x.ts", "export default 1;"]]))).toHaveLength(1);
  });

  it.each([
    ["src/protocol/x.ts", 'import { ok } from "../platform/result.ts";'],
    ["src/platform/x.ts", 'import type { HubStatus } from "../hub/publisher.ts";'],
    ["src/platform/x.ts", 'import { roomsTable } from "../../drizzle/rooms.ts";'],
    ["src/hub/core/x.ts", 'import { log } from "../../platform/log.ts";'],
    ["src/hub/core/x.ts", 'import { open } from "../publisher.ts";'],
    ["src/hub/x.ts", 'import {\n  rooms,\n} from "../features/rooms/index.ts";'],
    ["src/hub/x.ts", 'import { gateway } from "../gateway/index.ts";'],
    ["src/gateway/x.ts", 'import { rooms } from "../features/rooms/index.ts";'],
    [
      "src/features/rooms/x.ts",
      'import { takeSignedEvents } from "../../gateway/signed-events.ts";',
    ],
    ["src/features/rooms/x.ts", 'export { y } from "../music/y.ts";'],
    ["src/features/rooms/x.ts", 'import { HubObject } from "../../hub/hub-object.ts";'],
    ["src/features/rooms/x.ts", 'import { songs } from "../../../drizzle/music.ts";'],
    ["src/app.ts", 'import { startDiscord } from "../dev/discord/local-discord.ts";'],
    ["gateway-worker/x.ts", 'const y = await import("../src/platform/result.ts");'],
    ["gateway-worker/x.ts", 'import { seed } from "../dev/discord/seed.ts";'],
    ["console/src/x.ts", 'import "../../src/platform/log.ts";'],
    ["src/client/x.ts", 'import { grant } from "../platform/auth/principal.ts";'],
    ["dev/discord/x.ts", 'import { callDiscord } from "../../src/platform/discord/call.ts";'],
    ["bench/load/x.ts", 'import { startStack } from "../../e2e/stack.ts";'],
    ["e2e/x.ts", 'import { Fleet } from "../bench/load/fleet.ts";'],
    ["e2e/x.test.ts", 'import { Fleet } from "../bench/load/fleet.ts";'],
    ["dev/x.ts", 'import { Recorder } from "../e2e/recorder.ts";'],
    ["bench/load/x.ts", 'import { Relay } from "../../src/hub/core/relay.ts";'],
    ["bench/simulation/x.ts", 'import { Hub } from "../../src/hub/hub.ts";'],
    ["src/new-area/x.ts", ""],
  ])("is broken by %s: %s", (file, source) => {
    expect(violations(new Map([[file, source]]))).toHaveLength(1);
  });
});
