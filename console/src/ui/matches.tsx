import type { JSX } from "preact";
import { useMemo, useRef } from "preact/hooks";
import type { Match } from "../../../src/client/match.ts";
import type { Guild } from "../guild.ts";
import { liveMatches } from "../match-words.ts";
import { useFollowable } from "./hooks.ts";
import { MatchCard } from "./match-card.tsx";

const matchIdOf = (match: Match): string => match.matchId;

/** The live matches, newest first. Where nobody plays matches, nothing of it shows. */
export function Matches({
  guild,
  expected,
  me,
}: {
  readonly guild: Guild;
  /** Whether this deployment has to do with FACEIT at all. */
  readonly expected: boolean;
  /** The reader's own Discord id. */
  readonly me: string | undefined;
}): JSX.Element | null {
  const { known, matches } = guild.view.value;
  const live = useMemo(() => liveMatches(matches.values()), [matches]);
  const shown = useFollowable(live, matchIdOf);
  // Once there was one, the section stays: it must not jump away under the last.
  const everSeen = useRef(false);
  everSeen.current ||= live.length > 0;
  if (!known || !(expected || everSeen.current)) return null;
  return (
    <section aria-labelledby="live-matches">
      <div class="section-head">
        <h2 id="live-matches">Live matches</h2>
        <span class="muted">{live.length}</span>
      </div>
      {shown.length === 0 && (
        <div class="card empty">
          <p>No match is being played.</p>
          <p class="muted">
            Matches of this guild's FACEIT hubs appear here by themselves. Use /link in Discord, so
            that yours lets you into your side's channel.
          </p>
        </div>
      )}
      <ul class="matches">
        {shown.map(({ item, leaving }) => (
          <MatchCard key={item.matchId} match={item} leaving={leaving} me={me} />
        ))}
      </ul>
    </section>
  );
}
