import type { ClientSpec, Participant, Surroundings } from "./client-spec.ts";
import { DrillClient } from "./drill-client.ts";
import type { DrillLog } from "./drill-log.ts";
import type { Claim } from "./history.ts";
import { PollClient } from "./poll-client.ts";
import type { Random } from "./random.ts";

/**
 * Starts a client.
 * @param from its first position; null: it has seen nothing
 */
export function startClient(
  log: DrillLog,
  spec: ClientSpec,
  around: Surroundings,
  random: Random,
  from: Claim | null = null,
): Participant {
  const own = random.fork(spec.name);
  const history = log.clientWriter(spec.name);
  const client =
    spec.entry === "poll"
      ? new PollClient(spec, around, own, history)
      : new DrillClient(spec, around, own, history, from);
  client.start();
  return client;
}
