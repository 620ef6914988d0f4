/** A number with its noun. */
export function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? "" : "s"}`;
}

/**
 * A duration, coarse enough not to change all the time.
 * @param ms milliseconds; a negative one (clocks differ) counts as 0
 */
export function duration(ms: number): string {
  const minutes = Math.floor(Math.max(0, ms) / 60_000);
  if (minutes < 1) return "less than a minute";
  if (minutes < 60) return `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  if (hours < 24) return minutes % 60 === 0 ? `${hours} h` : `${hours} h ${minutes % 60} min`;
  return count(Math.floor(hours / 24), "day");
}

/**
 * A time for people: the time of day, with the date if it is not today.
 * @param at milliseconds since 1970
 */
export function moment(at: number, now: number = Date.now()): string {
  const time = SHORT_CLOCK.format(at);
  return dayOf(at) === dayOf(now) ? time : `${SHORT_DAY.format(at)}, ${time}`;
}

/** The day as a heading: Today, Yesterday, or its date. */
export function dayInWords(at: number, now: number = Date.now()): string {
  if (dayOf(at) === dayOf(now)) return "Today";
  const yesterday = new Date(now);
  yesterday.setDate(yesterday.getDate() - 1);
  return dayOf(at) === dayOf(yesterday.getTime()) ? "Yesterday" : DAY.format(at);
}

function dayOf(at: number): string {
  return new Date(at).toDateString();
}

const SHORT_DAY = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short" });
const DAY = new Intl.DateTimeFormat(undefined, { weekday: "long", day: "numeric", month: "long" });
const SHORT_CLOCK = new Intl.DateTimeFormat(undefined, { timeStyle: "short" });
const CLOCK = new Intl.DateTimeFormat(undefined, { timeStyle: "medium" });

/** The time of day in the reader's locale. Milliseconds since 1970. */
export function clock(at: number): string {
  return CLOCK.format(at);
}
