import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { readFlags, readObjects } from "./worker-bundle.ts";

test("readObjects finds the Worker's Durable Objects, and those of environments not twice", async () => {
  const toml = await readFile(
    fileURLToPath(new URL("../../wrangler.toml", import.meta.url)),
    "utf8",
  );
  const objects = readObjects(toml);
  expect(objects).toContainEqual(["HUB", "GuildHub"]);
  expect(new Set(objects.map(([name]) => name)).size).toBe(objects.length);
});

test("readObjects returns none for a file without Durable Objects", () => {
  expect(readObjects('name = "x"\n[vars]\nA = "b"\n')).toEqual([]);
});

test("readFlags finds the compatibility flags of the deployment", async () => {
  const toml = await readFile(
    fileURLToPath(new URL("../../wrangler.toml", import.meta.url)),
    "utf8",
  );
  expect(readFlags(toml)).toContain("enable_request_signal");
});
