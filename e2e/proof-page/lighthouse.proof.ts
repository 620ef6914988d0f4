import { execFile } from "node:child_process";
import path from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, it } from "vitest";
import { z } from "zod";
import { findChromium } from "../../dev/chromium.ts";
import { Api } from "../../dev/testing/api.ts";
import { BROWSER_ARGUMENTS } from "../page-driver.ts";
import { startStack, type Stack } from "../../dev/testing/stack.ts";

/** The lowest accepted score, of 1. */
const LEAST = 0.95;
const VIEWS = ["", "#/matches", "#/activity", "docs", "docs?api=stream", "docs/errors"];

const Reports = z.array(
  z.object({
    view: z.string(),
    scores: z.record(z.string(), z.number().nullable()),
    wrong: z.array(z.object({ id: z.string(), title: z.string(), items: z.string() })),
  }),
);

let stack: Stack;

beforeAll(async () => {
  stack = await startStack();
});
afterAll(() => stack?.stop());

it("Lighthouse finds every view accessible and built by best practices", async () => {
  const api = new Api(stack, await stack.token("host"));
  const channelId = await api.createRoom({ name: "Friday raid" });
  await stack.discord.move("100000000000000302", channelId);
  await stack.faceit.createMatch({ status: "READY" });

  const asked = {
    chromium: findChromium(),
    args: BROWSER_ARGUMENTS,
    origin: stack.urls.worker,
    name: "judge",
    views: VIEWS,
  };
  const judge = path.join(import.meta.dirname, "lighthouse.mjs");
  const { stdout } = await promisify(execFile)(process.execPath, [judge, JSON.stringify(asked)], {
    maxBuffer: 16 * 1024 * 1024,
  });
  const reports = Reports.parse(JSON.parse(stdout));
  for (const { view, scores } of reports) console.log(`/${view}`, scores);
  expect(reports).toHaveLength(VIEWS.length + 1);
  for (const { view, scores, wrong } of reports) {
    for (const category of ["accessibility", "best-practices"]) {
      const told = `${category} of /${view}: ${JSON.stringify(wrong, null, 2)}`;
      expect(scores[category] ?? 0, told).toBeGreaterThanOrEqual(LEAST);
    }
  }
});
