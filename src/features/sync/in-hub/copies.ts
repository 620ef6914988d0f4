import type { HubContext, HubTurn } from "../../../hub/extension.ts";
import { SYNC_SEQ_COPIED_MS, SYNC_SETTINGS_COPIED_MS } from "../../../protocol/limits.ts";
import { settingsIn } from "./settings.ts";
import { COPY_TASK } from "./updates.ts";

/** What the row of an account in D1 has from its hub (sync.md §0b.2). */
export type AccountCopies = {
  /** Of the newest update. */
  readonly seq: number;
  readonly settings: string | null;
  readonly settingsVersion: number;
};

/** Where an account has its copies. What is there and newer stays, so they may come late, twice, or in any order. */
export type Copies = {
  readonly keepCopies: (account: string, copies: AccountCopies) => Promise<void>;
};

/** The task is due. If it fails, the hub runs it again. */
export async function copyToD1(hub: HubContext, copies: Copies): Promise<void> {
  const copied = hub.turn(copiesIn);
  await copies.keepCopies(hub.name, copied);
  // The task counts as scheduled until here, so what changed meanwhile has not scheduled it.
  hub.turn((turn) => {
    const now = copiesIn(turn);
    const isSettingsNew = now.settingsVersion !== copied.settingsVersion;
    if (isSettingsNew) turn.schedule(COPY_TASK, turn.now() + SYNC_SETTINGS_COPIED_MS);
    else if (now.seq !== copied.seq) turn.schedule(COPY_TASK, turn.now() + SYNC_SEQ_COPIED_MS);
  });
}

function copiesIn(hub: HubTurn): AccountCopies {
  const { value: settings, version: settingsVersion } = settingsIn(hub);
  return { seq: hub.seq(), settings, settingsVersion };
}
