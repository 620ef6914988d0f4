import type { JSX } from "preact";
import { useMemo } from "preact/hooks";
import type { Match } from "../../../src/client/resources.ts";
import type { GuildConfig } from "../config.ts";
import type { Guild } from "../guild.ts";
import { FACEIT_CONTROL_URL } from "../local-faceit.ts";
import { liveMatches } from "../match-words.ts";
import type { AreaProps } from "./area.ts";
import { useFollowable } from "./hooks.ts";
import { MatchCard } from "./match-card.tsx";
import { ViewHead } from "./view-head.tsx";

const matchIdOf = (match: Match): string => match.matchId;

/** Whether this deployment plays matches. */
export function hasMatches(config: GuildConfig, guild: Guild): boolean {
  return config.matches || FACEIT_CONTROL_URL !== undefined || guild.view.value.matches.size > 0;
}

/** The live matches, newest first. */
export function MatchesView({ guild, user, config }: AreaProps): JSX.Element {
  const { known, matches, guildId } = guild.view.value;
  const live = useMemo(() => liveMatches(matches.values()), [matches]);
  const shown = useFollowable(live, matchIdOf);
  const broken = guild.standing.value.trouble !== null;
  return (
    <>
      <ViewHead
        title="Matches"
        aside={live.length === 0 ? "" : live.length === 1 ? "1 match" : `${live.length} matches`}
      />
      {!known && (
        <div class="empty">
          <p>
            {broken ? "The matches are shown once you are connected." : "Loading the matches …"}
          </p>
        </div>
      )}
      {known && shown.length === 0 && (
        <div class="empty">
          <p class="empty-title">No match is being played</p>
          <p class="muted">
            Matches of this server's FACEIT hubs appear here by themselves. Type /link in Discord,
            so that your next match lets you into your side's channel.
          </p>
        </div>
      )}
      <section aria-label="Live matches">
        <h2 class="hidden">Live matches</h2>
        <ul class="matches">
          {shown.map(({ item, leaving }) => (
            <MatchCard
              key={item.matchId}
              match={item}
              guildId={guildId ?? config.guildId}
              leaving={leaving}
              me={user.claims.discordId}
            />
          ))}
        </ul>
      </section>
    </>
  );
}
