import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { readFlags, readObjects } from "./worker-bundle.ts";

test("the Worker's own Durable Objects are found, those of environments are not counted twice", async () => {
  const toml = await readFile(
    fileURLToPath(new URL("../../wrangler.toml", import.meta.url)),
    "utf8",
  );
  const objects = readObjects(toml);
  expect(objects).toContainEqual(["HUB", "GuildHub"]);
  expect(new Set(objects.map(([name]) => name)).size).toBe(objects.length);
});

test("a file without any has none", () => {
  expect(readObjects('name = "x"\n[vars]\nA = "b"\n')).toEqual([]);
});

test("the Worker runs with the flags that it is deployed with", async () => {
  const toml = await readFile(
    fileURLToPath(new URL("../../wrangler.toml", import.meta.url)),
    "utf8",
  );
  expect(readFlags(toml)).toContain("enable_request_signal");
});
