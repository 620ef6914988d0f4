import { useSignal } from "@preact/signals";
import type { JSX } from "preact";
import type { LogEntry } from "../../../src/client/guild-view.ts";
import type { Guild } from "../guild.ts";
import { clock, dayInWords, moment } from "../time-words.ts";
import { entryInWords, plain, type Topic, topicOf } from "../words.ts";
import type { AreaProps } from "./area.ts";
import { SearchIcon } from "./icons.tsx";
import { hasMatches } from "./matches-view.tsx";
import { ViewHead } from "./view-head.tsx";

const FILTERS = [
  ["all", "All"],
  ["rooms", "Rooms"],
  ["people", "People"],
  ["matches", "Matches"],
  ["connection", "Connection"],
] as const satisfies readonly (readonly [Topic | "all", string])[];

/** What happened, newest first, including before the page was opened. */
export function ActivityView({ guild, config }: AreaProps): JSX.Element {
  const topic = useSignal<Topic | "all">("all");
  const text = useSignal("");
  const { log } = guild.view.value;
  const wanted = text.value.trim().toLocaleLowerCase();
  const shown = log.filter(
    (entry) =>
      (topic.value === "all" || topicOf(entry) === topic.value) &&
      (wanted === "" || plain(entryInWords(entry)).toLocaleLowerCase().includes(wanted)),
  );
  const hasEvents = log.some((entry) => entry.kind === "event");
  return (
    <>
      <ViewHead title="Activity" aside="What happened lately" />
      <div class="toolbar">
        <fieldset class="choice">
          <legend class="hidden">Show</legend>
          {FILTERS.filter(([name]) => name !== "matches" || hasMatches(config, guild)).map(
            ([name, words]) => (
              <label key={name}>
                <input
                  type="radio"
                  name="topic"
                  value={name}
                  checked={topic.value === name}
                  onChange={() => {
                    topic.value = name;
                  }}
                />
                <span>{words}</span>
              </label>
            ),
          )}
        </fieldset>
        <label class="search">
          <SearchIcon />
          <input
            type="search"
            aria-label="Search the activity"
            placeholder="Search"
            value={text.value}
            onInput={(event) => {
              text.value = event.currentTarget.value;
            }}
          />
        </label>
      </div>
      {byDay(shown).map(([day, entries]) => (
        <section key={day} class="group" aria-label={day}>
          <h2 class="group-title">{day}</h2>
          <ol class="activity">
            {entries.map((entry) => (
              <Line key={entry.key} entry={entry} />
            ))}
          </ol>
        </section>
      ))}
      {shown.length === 0 && hasEvents && (
        <div class="empty">
          <p class="empty-title">Nothing like this has happened</p>
        </div>
      )}
      <Past guild={guild} hasEvents={hasEvents} />
    </>
  );
}

/** How far back the activity goes, and what is wrong if that is unknown. */
function Past({
  guild,
  hasEvents,
}: {
  readonly guild: Guild;
  readonly hasEvents: boolean;
}): JSX.Element | null {
  switch (guild.past.value) {
    case "unread":
    case "reading":
      return <p class="past muted">Loading what happened before …</p>;
    case "failed":
      return (
        <p class="past" role="alert">
          What happened before could not be loaded.{" "}
          <button type="button" class="button-link" onClick={() => void guild.readPast()}>
            Try again
          </button>
        </p>
      );
    case "read":
      return hasEvents ? null : (
        <div class="empty">
          <p class="empty-title">Nothing has happened yet</p>
          <p class="muted">
            Rooms that open and end, and people who join and leave, are listed here.
          </p>
        </div>
      );
  }
}

function byDay(
  entries: readonly LogEntry[],
): readonly (readonly [day: string, entries: readonly LogEntry[]])[] {
  const days = new Map<string, LogEntry[]>();
  for (const entry of entries) {
    const day = dayInWords(timeOf(entry));
    const same = days.get(day);
    if (same === undefined) days.set(day, [entry]);
    else same.push(entry);
  }
  return [...days];
}

function timeOf(entry: LogEntry): number {
  return entry.kind === "event" ? entry.ts : entry.at;
}

function Line({ entry }: { readonly entry: LogEntry }): JSX.Element {
  const at = timeOf(entry);
  return (
    <li
      class={`line line-${topicOf(entry)}`}
      data-seq={entry.kind === "event" ? entry.seq : undefined}
      data-prev={entry.kind === "event" ? entry.prev : undefined}
    >
      <span class="line-words">
        {entryInWords(entry).map((part) =>
          typeof part === "string" ? (
            part
          ) : (
            <b>
              <bdi>{part.name}</bdi>
            </b>
          ),
        )}
      </span>
      <time dateTime={new Date(at).toISOString()} title={clock(at)}>
        {moment(at)}
      </time>
    </li>
  );
}
