import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { fingerprint, unlessDone } from "./fingerprint.ts";

let root: string;
beforeEach(async () => {
  root = await mkdtemp(path.join(tmpdir(), "fingerprint-"));
  await mkdir(path.join(root, "src/deep"), { recursive: true });
  await writeFile(path.join(root, "src/deep/a.ts"), "a");
  await writeFile(path.join(root, "lock.json"), "{}");
});
afterEach(() => rm(root, { recursive: true }));

const now = (...more: string[]) => fingerprint(root, ["src", "lock.json", "absent"], ...more);

it("changes only with content, names and extra text", async () => {
  const first = await now();
  await writeFile(path.join(root, "src/deep/a.ts"), "a");
  await mkdir(path.join(root, "src/dist"));
  await writeFile(path.join(root, "src/dist/made.js"), "made");
  expect(await now()).toBe(first);
  expect(await now("more")).not.toBe(first);
  await writeFile(path.join(root, "src/deep/a.ts"), "b");
  expect(await now()).not.toBe(first);
  await writeFile(path.join(root, "src/deep/a.ts"), "a");
  await writeFile(path.join(root, "src/new.ts"), "");
  expect(await now()).not.toBe(first);
});

it("does work once for each fingerprint, and again after a failure or without its stamp", async () => {
  const stamp = path.join(root, "stamp");
  let times = 0;
  const work = async (): Promise<void> => {
    times++;
  };
  await unlessDone(stamp, "1", work);
  await unlessDone(stamp, "1", work);
  expect(times).toBe(1);
  await expect(
    unlessDone(stamp, "2", () => Promise.reject(new Error("it does not build"))),
  ).rejects.toThrow("does not build");
  await unlessDone(stamp, "2", work);
  await rm(stamp);
  await unlessDone(stamp, "2", work);
  expect(times).toBe(3);
});
