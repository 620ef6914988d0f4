import { useSignal } from "@preact/signals";
import type { JSX } from "preact";
import { useEffect } from "preact/hooks";
import type { Guild } from "../guild.ts";
import type { GatewayOrder, LocalDiscord, LocalDiscordState } from "../local-discord.ts";

/** Number of players that the panel shows from the start. */
const FIRST_PLAYERS = 3;

const ORDERS: readonly { readonly words: string; readonly order: GatewayOrder }[] = [
  { words: "Drop the connection", order: { action: "drop" } },
  { words: "Ask to reconnect", order: { action: "reconnect" } },
  { words: "Refuse to resume", order: { action: "invalidate" } },
  { words: "Outage of 5 s", order: { action: "outage", ms: 5_000 } },
];

/** Moves test users and breaks the bot's connection; only with the local Discord. */
export function LocalDiscordPanel({
  discord,
  guild,
}: {
  readonly discord: LocalDiscord;
  readonly guild: Guild;
}): JSX.Element {
  const added = useSignal<readonly string[]>([]);
  const { seq } = guild.view.value;
  useEffect(() => void discord.refresh(), [discord, seq]);
  const state = discord.state.value;
  const testers = new Set([
    ...[...(state?.players.keys() ?? [])].slice(0, FIRST_PLAYERS),
    ...added.value,
    ...(state?.voice.keys() ?? []),
  ]);
  return (
    <section class="panel" aria-labelledby="local-discord">
      <div class="section-head">
        <h2 id="local-discord">Local Discord</h2>
        <span class="muted">for trying out</span>
      </div>
      <p class="field-error" role="alert">
        {discord.problem.value}
      </p>
      <ul class="testers">
        {[...testers].map((userId) => (
          <Tester key={userId} userId={userId} discord={discord} state={state} />
        ))}
      </ul>
      <p class="field-hint">
        Move acts like an administrator: it also moves users into private rooms that do not admit
        them.
      </p>
      <AddTester
        onAdd={(userId) => {
          added.value = [...added.value, userId];
        }}
      />
      <h3 class="panel-title">Break the bot's connection</h3>
      <div class="orders">
        {ORDERS.map(({ words, order }) => (
          <button
            key={words}
            type="button"
            class="button"
            onClick={() => void discord.gateway(order)}
          >
            {words}
          </button>
        ))}
      </div>
    </section>
  );
}

function Tester({
  userId,
  discord,
  state,
}: {
  readonly userId: string;
  readonly discord: LocalDiscord;
  readonly state: LocalDiscordState | null;
}): JSX.Element {
  const channels = state?.channels ?? [];
  const voice = state?.voice.get(userId);
  const chosen = useSignal("");
  const target = channels.find((channel) => channel.id === chosen.value);
  const name = discord.nameOf(userId);
  const here = channels.find((channel) => channel.id === voice?.channelId);
  return (
    <li class="tester" aria-label={name}>
      <div class="tester-head">
        <span>
          <b>{name}</b>
          {name !== userId && <span class="tester-id">{userId}</span>}
        </span>
      </div>
      <div class="tester-row">
        <span class="tester-place" title={here?.name}>
          {voice === undefined ? "not in voice" : `in ${here?.name ?? voice.channelId}`}
          {voice?.muted === true && ", muted"}
        </span>
        <button
          type="button"
          class="button"
          aria-label={`${voice?.muted === true ? "Unmute" : "Mute"} ${name}`}
          disabled={voice === undefined}
          onClick={() => {
            if (voice !== undefined) void discord.move(userId, voice.channelId, !voice.muted);
          }}
        >
          {voice?.muted === true ? "Unmute" : "Mute"}
        </button>
        <button
          type="button"
          class="button"
          aria-label={`Leave: take ${name} out`}
          disabled={voice === undefined}
          onClick={() => void discord.move(userId, null)}
        >
          Leave
        </button>
      </div>
      <div class="tester-row">
        <select
          aria-label={`Channel for ${name}`}
          title={target?.name}
          value={target?.id ?? ""}
          disabled={channels.length === 0}
          onChange={(event) => {
            chosen.value = event.currentTarget.value;
          }}
        >
          <option value="">{channels.length === 0 ? "No channel yet" : "Choose a channel"}</option>
          {channels.map((channel) => (
            <option key={channel.id} value={channel.id}>
              {channel.name}
            </option>
          ))}
        </select>
        <button
          type="button"
          class="button"
          aria-label={`Move ${name}`}
          disabled={target === undefined}
          onClick={() => {
            if (target !== undefined) void discord.move(userId, target.id, voice?.muted);
          }}
        >
          Move
        </button>
      </div>
    </li>
  );
}

function AddTester({ onAdd }: { readonly onAdd: (userId: string) => void }): JSX.Element {
  const userId = useSignal("");
  return (
    <form
      class="tester-row"
      onSubmit={(event) => {
        event.preventDefault();
        if (userId.value.trim() === "") return;
        onAdd(userId.value.trim());
        userId.value = "";
      }}
    >
      <input
        type="text"
        aria-label="Id of another test user"
        placeholder="Another user id"
        autoComplete="off"
        maxLength={64}
        pattern="[A-Za-z0-9_\-]+"
        title="Letters, digits, - and _"
        value={userId.value}
        onInput={(event) => {
          userId.value = event.currentTarget.value;
        }}
      />
      <button type="submit" class="button">
        Add
      </button>
    </form>
  );
}
