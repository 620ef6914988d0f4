import type { JSX } from "preact";
import type { Match } from "../../../src/client/resources.ts";
import {
  capitalised,
  matchFacts,
  matchName,
  type PlayerLine,
  playersInWords,
  type SideLines,
  sidesOf,
  statusWords,
} from "../match-words.ts";
import { knownPerson, nameOf } from "../people.ts";
import { discordLink } from "../room-list.ts";
import { httpsLink } from "../safe-link.ts";
import { clock, duration } from "../time-words.ts";
import { useFollowable, useNow } from "./hooks.ts";
import { LockIcon, VoiceIcon } from "./icons.tsx";

/** One live match: both sides with who is linked and who is in voice. */
export function MatchCard({
  match,
  guildId,
  leaving,
  me,
}: {
  readonly match: Match;
  readonly guildId: string;
  /** It is over and fades out. */
  readonly leaving: boolean;
  /** The reader's own Discord id. */
  readonly me: string | undefined;
}): JSX.Element {
  const { text, tone } = statusWords(match.status);
  const sides = sidesOf(match);
  const facts = matchFacts(match);
  return (
    <li
      class={leaving ? "card match match-leaving" : "card match"}
      aria-label={`${match.competition}: ${matchName(match)}`}
      aria-hidden={leaving}
      inert={leaving}
    >
      <div class="match-head">
        <h3 class="match-name" title={match.competition}>
          {match.competition}
        </h3>
        <span class="match-status">
          <span class={`dot dot-${tone}`} aria-hidden="true" />
          {text}
        </span>
        {facts.length > 0 && <p class="match-facts muted">{facts.join(" · ")}</p>}
      </div>
      <div class="match-sides">
        {sides.map((side) => (
          <Side key={side.faction} side={side} guildId={guildId} me={me} />
        ))}
      </div>
      <div class="match-foot">
        <Summary match={match} sides={sides} />
        <FaceitLink match={match} />
      </div>
    </li>
  );
}

const playerIdOf = (player: PlayerLine): string => player.playerId;

function Side({
  side,
  guildId,
  me,
}: {
  readonly side: SideLines;
  readonly guildId: string;
  readonly me: string | undefined;
}): JSX.Element {
  const players = useFollowable(side.players, playerIdOf);
  return (
    <section class="side" aria-label={side.name}>
      <h4 class="side-name" title={side.name}>
        {side.name}
      </h4>
      {side.channel !== null && (
        <p class="side-channel">
          <LockIcon />
          <span class="side-channel-name" title={`In Discord: ${side.channel.name}`}>
            Private channel
          </span>
          <a
            class="link"
            href={discordLink(guildId, side.channel.channelId)}
            target="_blank"
            rel="noreferrer"
            aria-label={`Open in Discord: ${side.name}'s voice channel, in a new tab`}
          >
            Open in Discord
          </a>
        </p>
      )}
      {side.note !== "" && (
        <p class={side.trouble ? "side-note side-trouble" : "side-note"}>{side.note}</p>
      )}
      {players.length > 0 && (
        <ul class="players" aria-label={`Players of ${side.name}`}>
          {players.map(({ item, leaving }) => (
            <Player key={item.playerId} player={item} leaving={leaving} me={me} />
          ))}
        </ul>
      )}
      {side.guests.length > 0 && (
        <p class="side-note">Also in the channel: {side.guests.map(nameOf).join(", ")}</p>
      )}
    </section>
  );
}

function Player({
  player: { nickname, level, discordId, inVoice },
  leaving,
  me,
}: {
  readonly player: PlayerLine;
  readonly leaving: boolean;
  readonly me: string | undefined;
}): JSX.Element {
  return (
    <li class={leaving ? "player member-leaving" : "player"} aria-hidden={leaving}>
      <span class="player-level" title={level === null ? "Skill level not known" : undefined}>
        Level {level ?? "–"}
      </span>
      <span class="player-name" title={nickname}>
        {nickname}
      </span>
      <span class="player-link">
        {discordId === null ? (
          <span class="muted">not linked yet: /link</span>
        ) : (
          <>
            <span class="badge-text">Discord known</span>
            <span class="player-discord" title={`Discord ${discordId}`}>
              {knownPerson(discordId)?.name}
              {discordId === me && <span class="muted"> (you)</span>}
            </span>
          </>
        )}
      </span>
      {inVoice && (
        <span class="player-voice">
          <VoiceIcon /> in voice
        </span>
      )}
    </li>
  );
}

function Summary({
  match,
  sides,
}: {
  readonly match: Match;
  readonly sides: readonly SideLines[];
}): JSX.Element {
  const now = useNow(30_000);
  const players = playersInWords(sides);
  const at = Date.parse(match.createdAt);
  const age = `announced ${duration(now - at)} ago`;
  return (
    <span class="muted match-age" title={`Announced at ${clock(at)}`}>
      {players === "" ? capitalised(age) : `${players}, ${age}`}
    </span>
  );
}

function FaceitLink({ match }: { readonly match: Match }): JSX.Element | null {
  const url = httpsLink(match.url);
  if (url === null) return null;
  return (
    <a
      class="link"
      href={url}
      target="_blank"
      rel="noreferrer"
      aria-label={`Open at FACEIT: ${matchName(match)}, in a new tab`}
    >
      Open at FACEIT
    </a>
  );
}
