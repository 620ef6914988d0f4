import { log } from "../../platform/log.ts";
import type { Outbox } from "./adapters/d1-outbox.ts";
import { type AccountHubs, SYNC_COMMANDS } from "./hub-commands.ts";

/** Accounts that are read at once. */
const ACCOUNTS_AT_ONCE = 100;

/** What a delivery works with. */
export type OutboxPorts = { readonly outbox: Outbox; readonly hubs: AccountHubs };

/**
 * Tells the hubs of these accounts what is in their outboxes. A failure is only logged: what was not told stays, and is
 * told with the next change of either account, or within the hour.
 */
export async function tellHubs(ports: OutboxPorts, accounts: readonly string[]): Promise<void> {
  await Promise.all(
    accounts.map(async (account) => {
      try {
        await tellHub(ports, account);
      } catch (error) {
        log("error", "sync.outbox_failed", { account, error });
      }
    }),
  );
}

/** Tells every hub that was not told yet. One that cannot be told does not stop the others. */
export async function tellAllHubs(ports: OutboxPorts): Promise<void> {
  for (let after: string | undefined = ""; after !== undefined;) {
    const accounts: string[] = await ports.outbox.waiting(after, ACCOUNTS_AT_ONCE);
    for (const account of accounts) await tellHubs(ports, [account]);
    after = accounts.at(-1);
  }
}

/**
 * Two that tell one hub at once do no harm. Each tells the oldest messages first, so the hub hears them in order; it
 * takes each once; and a message is deleted when the hub has it.
 */
async function tellHub({ outbox, hubs }: OutboxPorts, account: string): Promise<void> {
  for (;;) {
    const pending = await outbox.pending(account);
    if (pending === null) return;
    const { account: owner, messages } = pending;
    const told = await hubs.call(owner, SYNC_COMMANDS.hearOfOthers, { messages: [...messages] });
    if (!told.ok) throw new Error("the hub knows of a later epoch than was read");
    const ids = messages.map(({ id }) => id);
    await outbox.told(account, ids, told.value.feedSeq);
  }
}
