import { ulid } from "ulid";
import { z } from "zod";
import { PRIMARY_GUILD } from "../../dev/discord/seed.ts";
import type { SignedEvent } from "../../src/protocol/signed-events.ts";
import { eventually } from "../../dev/testing/eventually.ts";
import { askForTicket } from "../../dev/testing/wire/wire.ts";
import { type Stack } from "../../dev/testing/stack.ts";
import { DrillClient } from "./drill-client.ts";
import { OTHER_GUILD, type Drill } from "./drill.ts";
import { observer, type Surroundings } from "./fleet.ts";
import { readJournal } from "./poll.ts";
import { postUntilSettled } from "./publishers.ts";

/**
 * Publishes the last event of each guild, and waits until all clients have it.
 * @param finish publishes the last events of the other guild
 */
export async function settle(
  drill: Drill,
  finish: (events: readonly SignedEvent[]) => Promise<void>,
  clients: readonly DrillClient[],
): Promise<void> {
  const { plan, log, stack } = drill;
  await stack.untilReady();
  await eventually(
    "the container has sent everything",
    async () => {
      const text = await (await fetch(`${stack.urls.gateway}/metrics`)).text();
      const left = [...text.matchAll(/^guildhub_outbox_events(?:{[^}]*})? (.+)$/gm)];
      if (left.some(([, value]) => Number(value) > 0)) throw new Error(left.join());
    },
    plan.settleMs,
  );
  const last = { [PRIMARY_GUILD]: markers(PRIMARY_GUILD), [OTHER_GUILD]: markers(OTHER_GUILD) };
  await postUntilSettled(drill, last[PRIMARY_GUILD]);
  await finish(last[OTHER_GUILD]);
  for (const [guild, events] of Object.entries(last)) {
    log.truth({ k: "marker", guild, id: events.at(-1)?.id ?? "" });
  }
  await eventually(
    "all clients have caught up",
    () => {
      for (const guild of [PRIMARY_GUILD, OTHER_GUILD]) {
        const own = clients.filter(({ spec }) => spec.guild === guild);
        const head = Math.max(...own.map(({ position }) => position?.seq ?? 0));
        const behind = own.filter(({ position }) => (position?.seq ?? 0) < head);
        if (behind.length > 0) {
          throw new Error(`behind ${head}: ${behind.map(({ spec }) => spec.name).join()}`);
        }
      }
    },
    plan.settleMs,
  ).catch((error: unknown) => {
    const cause = error instanceof Error ? error.cause : undefined;
    log.problem(`${String(error)} ${String(cause)}`);
  });
}

const HubReport = z.object({ relays: z.array(z.object({ sockets: z.number() })) });

/** The number of relays with sockets of the primary guild. */
export async function countRelays(stack: Stack): Promise<number> {
  const token = await stack.token("operator", { scope: "hub:admin" });
  const response = await fetch(`${stack.urls.worker}/admin/guilds/${PRIMARY_GUILD}/hub`, {
    headers: { authorization: `Bearer ${token}` },
  });
  const { relays } = HubReport.parse(await response.json());
  return relays.filter(({ sockets }) => sockets > 0).length;
}

/** Two changes of a state that everybody may see, so that at least the second one changes something. */
function markers(guildId: string): SignedEvent[] {
  return ["down", "resuming"].map((state) => ({
    id: ulid(),
    event: "gateway.state",
    payload: { guildId, state, since: Date.now() },
    ts: Date.now(),
  }));
}

/** Reads both journals from their start over WebSocket, as a client that missed everything, and over HTTP. */
export async function readBack(
  { plan, log, random }: Drill,
  clients: DrillClient[],
  around: Surroundings,
): Promise<void> {
  for (const guild of [PRIMARY_GUILD, OTHER_GUILD]) {
    const head = clients.find(({ spec }) => spec.guild === guild)?.position;
    if (head === null || head === undefined) continue;
    const spec = observer(`auditor-${guild}`, guild, true);
    const auditor = new DrillClient(log, spec, around, random, { epoch: head.epoch, seq: 0 });
    clients.push(auditor);
    await eventually(
      `the journal of ${guild} is read from its start`,
      () => {
        const seq = auditor.position?.seq ?? 0;
        if (seq < head.seq) throw new Error(`at ${seq} of ${head.seq}`);
      },
      plan.settleMs,
    ).catch((error: unknown) => log.problem(String(error)));
    const { text } = await around.token(spec.identity, 600);
    const ticket = async (): Promise<string> => {
      const answer = await askForTicket(around.origin, text, guild);
      if (!(answer instanceof URL)) throw new Error(`no ticket: ${answer.status}`);
      return answer.searchParams.get("ticket") ?? "";
    };
    const { epoch } = head;
    const signal = AbortSignal.timeout(plan.settleMs);
    const events = await readJournal(around.origin, epoch, ticket, signal);
    log.truth({ k: "journal", guild, epoch, events });
  }
}
