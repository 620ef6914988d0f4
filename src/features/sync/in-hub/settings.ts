import type { HubTurn } from "../../../hub/extension.ts";
import { SYNC_SETTINGS_COPIED_MS } from "../../../protocol/limits.ts";
import { firstOf } from "./tables.ts";
import { accountChanged, copyNoLaterThan, type Versioned } from "./updates.ts";
import { type Change, versionedChange } from "./versioned.ts";

type Settings = Versioned<string | null>;

/** The settings of the account's app; version 0: it never had any (sync.md §0b.18). */
export function settingsIn({ sql }: Pick<HubTurn, "sql">): Settings {
  const row = firstOf<Settings>(sql, "SELECT value, version FROM sync_settings");
  return row ?? { value: null, version: 0 };
}

/** Replaces the settings if `expected` is their version. @returns what is there now */
export function changeSettings(
  hub: HubTurn,
  change: Change<string | null>,
): Settings & { readonly result: "success" | "version-mismatch" } {
  return versionedChange(settingsIn(hub), change, (settings) => {
    hub.sql.exec(
      "INSERT OR REPLACE INTO sync_settings (id, value, version, updatedAt) VALUES (1, ?, ?, ?)",
      settings.value,
      settings.version,
      hub.now(),
    );
    copyNoLaterThan(hub, hub.now() + SYNC_SETTINGS_COPIED_MS);
    accountChanged(hub, { settings });
  });
}
