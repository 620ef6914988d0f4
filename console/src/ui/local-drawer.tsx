import type { JSX } from "preact";
import { useMemo } from "preact/hooks";
import type { Guild } from "../guild.ts";
import { CONTROL_URL, LocalDiscord } from "../local-discord.ts";
import { FACEIT_CONTROL_URL, LocalFaceit } from "../local-faceit.ts";
import { CloseIcon } from "./icons.tsx";
import { LocalDiscordPanel } from "./local-discord-panel.tsx";
import { LocalFaceitPanel } from "./local-faceit-panel.tsx";

/** The drawer for moving test users and making faults. Only the local stack has it. */
export function LocalDrawer({
  guild,
  guildId,
  onClose,
}: {
  readonly guild: Guild;
  readonly guildId: string;
  readonly onClose: () => void;
}): JSX.Element {
  const discord = useMemo(
    () => (CONTROL_URL === undefined ? undefined : new LocalDiscord(CONTROL_URL, guildId)),
    [guildId],
  );
  const faceit = useMemo(
    () => (FACEIT_CONTROL_URL === undefined ? undefined : new LocalFaceit(FACEIT_CONTROL_URL)),
    [],
  );
  return (
    <div
      class="drawer"
      onKeyDown={(event) => {
        if (event.key === "Escape") onClose();
      }}
    >
      <div class="drawer-head">
        <p class="muted">
          {faceit === undefined ? "A stand-in for Discord" : "Stand-ins for Discord and FACEIT"} on
          this machine. A deployed page has no test tools.
        </p>
        <button
          type="button"
          class="button-plain button-icon"
          aria-label="Close the test tools"
          onClick={onClose}
        >
          <CloseIcon />
        </button>
      </div>
      {discord !== undefined && <LocalDiscordPanel discord={discord} guild={guild} />}
      {faceit !== undefined && <LocalFaceitPanel faceit={faceit} discord={discord} guild={guild} />}
    </div>
  );
}
