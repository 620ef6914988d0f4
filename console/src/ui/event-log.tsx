import { useSignal } from "@preact/signals";
import type { JSX } from "preact";
import type { LogEntry } from "../../../src/client/guild-view.ts";
import type { Guild } from "../guild.ts";
import { clock, entryInWords, plain, type Topic, topicOf } from "../words.ts";

const FILTERS = [
  ["all", "Everything"],
  ["rooms", "Rooms"],
  ["matches", "Matches"],
  ["people", "People"],
  ["connection", "Connections"],
] as const satisfies readonly (readonly [Topic | "all", string])[];

/** What happened, newest first, with the breaks of the stream where they were. */
export function EventLog({ guild }: { readonly guild: Guild }): JSX.Element {
  const topic = useSignal<Topic | "all">("all");
  const text = useSignal("");
  const { log } = guild.view.value;
  const wanted = text.value.trim().toLowerCase();
  const shown = log.filter(
    (entry) =>
      (topic.value === "all" || topicOf(entry) === topic.value) &&
      (wanted === "" || plain(entryInWords(entry)).toLowerCase().includes(wanted)),
  );
  return (
    <section class="card log" aria-labelledby="event-log">
      <div class="section-head">
        <h2 id="event-log">Event log</h2>
        {log.length > 0 && <span class="muted">up to event {guild.view.value.seq}</span>}
      </div>
      <div class="log-filter">
        <label>
          <span class="hidden">Show</span>
          <select
            value={topic.value}
            onChange={(event) => {
              const value = event.currentTarget.value;
              topic.value = FILTERS.find(([name]) => name === value)?.[0] ?? "all";
            }}
          >
            {FILTERS.map(([name, words]) => (
              <option key={name} value={name}>
                {words}
              </option>
            ))}
          </select>
        </label>
        <label class="log-search">
          <span class="hidden">Search the log</span>
          <input
            type="search"
            placeholder="Search"
            value={text.value}
            onInput={(event) => {
              text.value = event.currentTarget.value;
            }}
          />
        </label>
      </div>
      {shown.length === 0 ? (
        <p class="empty muted">
          {log.length === 0 ? "Nothing has happened yet." : "Nothing like this has happened."}
        </p>
      ) : (
        <ol class="log-list" tabIndex={0} aria-label="Events, newest first">
          {shown.map((entry) => (
            <LogLine key={entry.key} entry={entry} />
          ))}
        </ol>
      )}
    </section>
  );
}

function LogLine({ entry }: { readonly entry: LogEntry }): JSX.Element {
  const at = entry.kind === "event" ? entry.ts : entry.at;
  return (
    <li
      class={entry.kind === "event" ? "log-line" : `log-line log-mark log-mark-${entry.mark.type}`}
      data-seq={entry.kind === "event" ? entry.seq : undefined}
    >
      <span class="log-seq">{entry.kind === "event" ? entry.seq : ""}</span>
      <span class="log-words">
        {entryInWords(entry).map((part) => (typeof part === "string" ? part : <b>{part.name}</b>))}
      </span>
      <time class="log-time" dateTime={new Date(at).toISOString()}>
        {clock(at)}
      </time>
    </li>
  );
}
