import { setTimeout as rest } from "node:timers/promises";
import { startStack } from "../dev/testing/stack.ts";
import { offerHelp } from "../dev/usage.mjs";
import { runBench } from "./bench.ts";
import { playAlone, playAtOnce, tellCalmly } from "./matches/matches-run.ts";
import { reportOf } from "./matches/report.ts";
import { addMatches, MATCH_PLAN } from "./matches/setting.ts";
import { DiscordWatch, openMatchRows } from "./matches/watch.ts";

offerHelp(`Usage: npm run bench:matches
  Two hundred matches at once at Discord's limits. Writes its part of docs/benchmarks.md.`);

await runBench("matches", null, async ({ secret, atEnd }) => {
  console.log("starting the local services …");
  const stack = await startStack({ FACEIT_WEBHOOK_SECRET: secret, MATCH_GRACE_SECONDS: "0" });
  atEnd(() => stack.stop());
  const watch = new DiscordWatch(stack.discord);
  atEnd(() => watch.close());
  await stack.untilReady();
  const rows = await openMatchRows(stack.process);
  atEnd(() => rows.close());
  const setting = { stack, watch, rows };

  console.log("players and matches …");
  const lone = await addMatches(stack, "lone", MATCH_PLAN.loneMatches);
  const matches = await addMatches(stack, "many", MATCH_PLAN.matches);

  console.log("one match after the other …");
  const alone: number[] = [];
  for (const match of lone) alone.push(await playAlone(setting, match));

  console.log("webhooks at a calm pace …");
  const webhook = `${stack.urls.worker}/faceit-webhook`;
  const webhooks = await tellCalmly(webhook, secret, matches);

  await rest(MATCH_PLAN.restMs);
  console.log(`${matches.length} matches at once …`);
  const storm = await playAtOnce(setting, matches);
  return reportOf({ webhooks, alone, storm, missedCalls: watch.missed });
});
