import type { Failure } from "../../../src/client/outcome.ts";
import { failureInWords } from "../failure-words.ts";
import type { Status } from "../standing.ts";
import { count, duration, moment } from "../time-words.ts";
import type { AccountState, MachineView, SessionView } from "./account-state.ts";
import { base64UrlOf, type Bytes, bytesOfBase64 } from "./base64.ts";
import type { LiveState } from "./live-updates.ts";
import { folderIn, machineFacts, sessionFacts } from "./metadata-facts.ts";
import type { Opened } from "./opened-metadata.ts";
import type { Found } from "./pairing.ts";

/** A machine or session as the page names it. */
export type Named = {
  readonly name: string;
  /** More about it, in a few words; empty: nothing. */
  readonly more: string;
  /** Whether its name is a short id, because the real one cannot be read. */
  readonly sealed: boolean;
};

/** Characters of an id that are shown: enough to tell a few from each other. */
const SHORT_ID = 6;
/** Characters of a terminal's key that are shown: 9 bytes, more than anybody finds twice. */
const KEY_START = 12;
/**
 * What was heard of within this time is active now, milliseconds. Machines and sessions are heard of every 30 to 40
 * seconds (sync.md §0a).
 */
const NOW_MS = 60_000;

/** The short form of an id. Ids that were made one after another begin the same. */
export function shortId(id: string): string {
  return id.length <= SHORT_ID ? id : `…${id.slice(-SHORT_ID)}`;
}

/** The name of a machine, and what tells it from others with that name. */
export function machineName(
  { id, createdAt }: Pick<MachineView, "id" | "createdAt">,
  opened: Opened,
): Named {
  const added = `added ${moment(createdAt)}`;
  if (opened.kind === "open") {
    const { name, host, platform, home } = machineFacts(opened.metadata);
    if (name !== null) {
      const more = inOneLine([host, platform, shortId(id), added, home]);
      return { name, more, sealed: false };
    }
  }
  const more = inOneLine([whySealed(opened), added]);
  return { name: `Machine ${shortId(id)}`, more, sealed: true };
}

/** A machine where its name alone may be that of several. */
export function machineInWords({ name, sealed }: Named, id: string): string {
  return sealed ? name : `${name} (${shortId(id)})`;
}

/** The name of a session: its title, else its folder. */
export function sessionName(session: Pick<SessionView, "id">, opened: Opened): Named {
  if (opened.kind === "open") {
    const { title, path, host } = sessionFacts(opened.metadata);
    const name = title ?? (path === null ? null : folderIn(path));
    const more = inOneLine([path, host]);
    if (name !== null) return { name, more, sealed: false };
  }
  return { name: `Session ${shortId(session.id)}`, more: whySealed(opened), sealed: true };
}

function inOneLine(parts: readonly (string | null)[]): string {
  return parts.filter((part) => part !== null && part !== "").join(" · ");
}

function whySealed({ kind }: Opened): string {
  switch (kind) {
    case "locked":
      return "Encrypted";
    case "opening":
      return "";
    case "unreadable":
      return "Encrypted with another key";
    case "open":
      return "Without a name";
  }
}

/** When something was heard of last. @param activeAt milliseconds since 1970 */
export function lastActivity(active: boolean, activeAt: number, now: number): string {
  const ago = now - activeAt;
  if (ago >= NOW_MS) return active ? `last seen ${duration(ago)} ago` : `${duration(ago)} ago`;
  return active ? "active now" : "just now";
}

/** Whether something that did not end has not been heard of for too long to say what it does. */
function isSilent({ active, activeAt }: MachineView, now: number): boolean {
  return active && now - activeAt >= NOW_MS;
}

const SILENT: Status = {
  tone: "quiet",
  text: "No news",
  more: "It was not heard of for more than a minute. It may have ended, or have no connection.",
};

/** What a session does. @param now milliseconds since 1970 */
export function sessionStatus(session: SessionView, now: number): Status {
  if (!session.active) return { tone: "quiet", text: "Ended", more: "" };
  if (isSilent(session, now)) return SILENT;
  return session.thinking
    ? { tone: "busy", text: "Working", more: "The agent works on an answer" }
    : { tone: "good", text: "Running", more: "The agent waits for you" };
}

/** Whether a machine can be reached. @param now milliseconds since 1970 */
export function machineStatus(machine: MachineView, now: number): Status {
  if (isSilent(machine, now)) return SILENT;
  return machine.active
    ? { tone: "good", text: "Online", more: "" }
    : { tone: "quiet", text: "Offline", more: "" };
}

/**
 * A few words beside the heading; empty: nothing is known, or there is nothing.
 * @param now milliseconds since 1970
 */
export function accountAside({ known, machines, sessions }: AccountState, now: number): string {
  if (!known || machines.size + sessions.size === 0) return "";
  const isHeard = (item: MachineView): boolean => item.active && !isSilent(item, now);
  const online = [...machines.values()].filter(isHeard).length;
  const running = [...sessions.values()].filter(isHeard).length;
  const reached = `${online} of ${count(machines.size, "machine")} online`;
  return machines.size === 0
    ? `${count(running, "session")} running`
    : `${reached}, ${count(running, "session")} running`;
}

/** The connection in a word or two. @param lostAt since when nothing arrives, milliseconds; null: it never did */
export function liveStatus(live: LiveState, lostAt: number | null): Status {
  switch (live.kind) {
    case "live":
      return { tone: "good", text: "Live", more: `Connected since ${moment(live.since)}` };
    case "connecting":
    case "waiting":
      return { tone: "busy", text: lostAt === null ? "Connecting" : "Reconnecting", more: "" };
    case "signed-out":
      return { tone: "bad", text: "Signed out", more: "" };
  }
}

/** Why the page is not up to date; empty: it is, or is about to be for the first time. */
export function liveTrouble(live: LiveState, lostAt: number | null): string {
  if (live.kind === "live" || live.kind === "signed-out") return "";
  if (lostAt !== null) {
    return `Nothing new has arrived since ${moment(lostAt)}. The page tries again by itself, and then shows what is there.`;
  }
  if (live.kind === "connecting") return "";
  return `There is no connection yet. ${failureInWords(live.failure)} The page tries again by itself.`;
}

/** What a person sees of an account: a part of its public key. @param publicKey base64 */
export function accountName(publicKey: string): string {
  const bytes = (bytesOfBase64(publicKey) ?? new Uint8Array()).slice(0, 4);
  const digits = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
  return `Account ${digits.slice(0, 4)} ${digits.slice(4)}`;
}

/** The beginning of a terminal's key, as its link has it. */
export function terminalKeyStart(key: Bytes): string {
  return `${base64UrlOf(key).slice(0, KEY_START)}…`;
}

/** Why there is no terminal to let in. */
export function notFoundInWords(kind: Exclude<Found["kind"], "waiting">, origin: string): string {
  switch (kind) {
    case "no-link":
      return "This is not the link of a terminal. It begins with happy://terminal? or ends with a long #key=…";
    case "unknown":
      return `No terminal waits with this link. Is it still waiting, and is its HAPPY_SERVER_URL ${origin}? One that stops waiting is forgotten within 15 minutes.`;
    case "used":
      return "This link was used already. Start the sign-in in the terminal again.";
  }
}

/** Why a terminal was not let in. */
export function notLetInInWords(failure: Failure, origin: string): string {
  return failure.status === 404 ? notFoundInWords("unknown", origin) : failureInWords(failure);
}
