import { randomBytes } from "node:crypto";
import { setTimeout as rest } from "node:timers/promises";
import { startStack } from "../dev/testing/stack.ts";
import { tellCalmly } from "./matches/calm.ts";
import { DiscordWatch } from "./matches/discord-watch.ts";
import { MatchRows } from "./matches/match-rows.ts";
import { playAlone, playAtOnce } from "./matches/matches-run.ts";
import { IS_PUBLISHED, MATCH_PLAN } from "./matches/plan.ts";
import { faultsOf, writeMatchReport } from "./matches/report.ts";
import { addMatches } from "./matches/setting.ts";
import { writeSection } from "./report/document.ts";
import { describeMachine } from "./report/machine.ts";
import { offerHelp } from "../dev/usage.mjs";

offerHelp(`Usage: npm run bench:matches
  Two hundred matches at once at Discord's limits. Writes its part of docs/benchmarks.md.`);

const secret = randomBytes(32).toString("hex");
console.log("starting the local services …");
const stack = await startStack({ FACEIT_WEBHOOK_SECRET: secret, MATCH_GRACE_SECONDS: "0" });
const watch = new DiscordWatch(stack.discord);
try {
  await stack.untilReady();
  const rows = await MatchRows.open(stack.process);
  const setting = { stack, watch, rows };

  console.log("players and matches …");
  const lone = await addMatches(stack, "lone", MATCH_PLAN.loneMatches);
  const matches = await addMatches(stack, "many", MATCH_PLAN.matches);

  console.log("one match after the other …");
  const alone: number[] = [];
  for (const match of lone) alone.push(await playAlone(setting, match));

  console.log("webhooks, calmly …");
  const webhook = `${stack.urls.worker}/faceit-webhook`;
  const webhooks = await tellCalmly(webhook, secret, matches);

  await rest(MATCH_PLAN.restMs);
  console.log(`${matches.length} matches at once …`);
  const storm = await playAtOnce(setting, matches);
  rows.close();

  const figures = { webhooks, alone, storm, missedCalls: watch.missed };
  const report = writeMatchReport(figures, describeMachine(stack.process.stateDir));
  console.log(`\n${report}`);
  if (faultsOf(figures).length > 0) {
    process.exitCode = 1;
  } else if (IS_PUBLISHED) {
    await writeSection("matches", report);
  } else {
    console.log("\nnot written down: BENCH_MATCHES makes it smaller");
  }
} finally {
  await watch.close();
  await stack.stop();
}
