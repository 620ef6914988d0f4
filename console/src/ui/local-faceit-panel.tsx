import { useSignal } from "@preact/signals";
import type { JSX } from "preact";
import { useEffect } from "preact/hooks";
import { discordText } from "../discord-text.ts";
import type { Guild } from "../guild.ts";
import type { CommandReply, LocalDiscord } from "../local-discord.ts";
import { type LocalFaceit, isUntold, type LocalMatch, nextStatus } from "../local-faceit.ts";
import { statusWords } from "../match-words.ts";

/** Plays matches and links test players; only with the local FACEIT. */
export function LocalFaceitPanel({
  faceit,
  discord,
  guild,
}: {
  readonly faceit: LocalFaceit;
  /** Absent: nobody can be linked. */
  readonly discord: LocalDiscord | undefined;
  readonly guild: Guild;
}): JSX.Element {
  const { seq } = guild.view.value;
  useEffect(() => void faceit.refresh(), [faceit, seq]);
  const players = [...(discord?.state.value?.players.keys() ?? [])];
  return (
    <section class="panel" aria-labelledby="local-faceit">
      <div class="section-head">
        <h2 id="local-faceit">Local FACEIT</h2>
        <span class="muted">for trying out</span>
      </div>
      <p class="field-error" role="alert">
        {faceit.problem.value}
      </p>
      <div class="local-start">
        <button type="button" class="button" onClick={() => void faceit.start()}>
          Start a match
        </button>
        <p class="field-hint">
          The accounts aurora_one to aurora_five play against borealis_one to borealis_five. Link
          test players to some of both.
        </p>
      </div>
      <ul class="local-matches">
        {faceit.matches.value.map((match) => (
          <PlayedMatch key={match.matchId} match={match} faceit={faceit} />
        ))}
      </ul>
      {discord !== undefined && players.length > 0 && (
        <>
          <h3 class="panel-title">Link test players</h3>
          <ul class="testers">
            {players.map((userId) => (
              <LinkedTester key={userId} userId={userId} discord={discord} />
            ))}
          </ul>
        </>
      )}
    </section>
  );
}

function PlayedMatch({
  match: { matchId, status, competition },
  faceit,
}: {
  readonly match: LocalMatch;
  readonly faceit: LocalFaceit;
}): JSX.Element {
  const next = nextStatus(status);
  const name = `${competition} ${shortId(matchId)}`;
  const orders = [
    ...(next === null ? [] : [{ words: `Next: ${statusWords(next).text}`, to: next }]),
    { words: "Finish", to: "FINISHED" },
    { words: "Abort", to: "ABORTED" },
    { words: "Cancel", to: "CANCELLED" },
  ];
  return (
    <li class="tester" aria-label={name}>
      <div class="tester-head">
        <span title={matchId}>
          <b>{competition}</b>
          <span class="tester-id">{shortId(matchId)}</span>
        </span>
        <span class="muted">{statusWords(status).text}</span>
      </div>
      <div class="orders">
        {orders.map(({ words, to }) => (
          <button
            key={to}
            type="button"
            class="button"
            aria-label={`${words} ${name}`}
            onClick={() => void faceit.progress(matchId, to)}
          >
            {words}
          </button>
        ))}
      </div>
      {isUntold(status) && (
        <p class="field-hint">
          FACEIT tells nobody of this step: the page follows at the next one.
        </p>
      )}
    </li>
  );
}

/** The first characters of the part that differs, as in the channels' names. */
function shortId(matchId: string): string {
  return matchId.replace(/^1-/, "").slice(0, 8);
}

/** Slash commands that a test player can use. */
const COMMANDS = [
  { words: "Link", command: "link" },
  { words: "Unlink", command: "unlink" },
  { words: "Who is this", command: "whois" },
] as const;

function LinkedTester({
  userId,
  discord,
}: {
  readonly userId: string;
  readonly discord: LocalDiscord;
}): JSX.Element {
  const reply = useSignal<CommandReply | null>(null);
  const linking = useSignal(false);
  useEffect(() => {
    if (!linking.value) return undefined;
    // The accounts are linked in another tab; this one asks for the result until the user returns.
    const look = async (): Promise<void> => {
      const linked = await discord.linkOf(userId);
      if (linked === null || !linking.value) return;
      linking.value = false;
      reply.value = linked;
    };
    const lookAgain = (): void => void look();
    addEventListener("focus", lookAgain);
    return () => removeEventListener("focus", lookAgain);
  }, [linking.value, discord, userId]);
  const name = discord.nameOf(userId);
  const use = async (command: (typeof COMMANDS)[number]["command"]): Promise<void> => {
    const answer = await discord.command(
      userId,
      command,
      command === "whois" ? { user: userId } : {},
    );
    reply.value = answer;
    linking.value = command === "link" && answer.ok;
    // A browser may block this; the link below is an alternative.
    for (const { url } of answer.buttons) window.open(url, "_blank", "noopener,noreferrer");
  };
  return (
    <li class="tester" aria-label={`Link of ${name}`}>
      <div class="tester-line">
        <b>{name}</b>
        <div class="orders">
          {COMMANDS.map(({ words, command }) => (
            <button
              key={command}
              type="button"
              class="button"
              aria-label={`${words} ${name}`}
              onClick={() => void use(command)}
            >
              {words}
            </button>
          ))}
        </div>
      </div>
      <div role="status" aria-label={`Answer to ${name}`}>
        {reply.value !== null && <Reply reply={reply.value} nameOf={(id) => discord.nameOf(id)} />}
      </div>
    </li>
  );
}

function Reply({
  reply: { ok, content, buttons },
  nameOf,
}: {
  readonly reply: CommandReply;
  readonly nameOf: (userId: string) => string;
}): JSX.Element {
  return (
    <div class="local-reply">
      <p class={ok ? "" : "field-error"}>{discordText(content, nameOf)}</p>
      {buttons.map(({ label, url }) => (
        <a key={url} class="link" href={url} target="_blank" rel="noreferrer">
          {label}
        </a>
      ))}
    </div>
  );
}
