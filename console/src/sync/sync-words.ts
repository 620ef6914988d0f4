import type { Failure } from "../../../src/client/outcome.ts";
import { failureInWords } from "../failure-words.ts";
import type { Status } from "../standing.ts";
import { count, duration, moment } from "../time-words.ts";
import type { AccountState, MachineView, SessionView } from "./account-state.ts";
import { type Bytes, bytesOfBase64 } from "./base64.ts";
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
/** What was heard of within this time is active now, milliseconds: machines say so every 20 to 30 seconds. */
const NOW_MS = 60_000;

/** The short form of an id. Ids that were made one after another begin the same. */
export function shortId(id: string): string {
  return id.length <= SHORT_ID ? id : `…${id.slice(-SHORT_ID)}`;
}

/** The name of a machine. */
export function machineName(machine: Pick<MachineView, "id">, opened: Opened): Named {
  const { name, platform } = opened.kind === "open" ? machineFacts(opened.metadata) : NOTHING_SAID;
  if (name !== null) return { name, more: platform ?? "", sealed: false };
  return { name: `Machine ${shortId(machine.id)}`, more: whySealed(opened), sealed: true };
}

const NOTHING_SAID = { name: null, platform: null };

/** The name of a session: its title, else its folder. */
export function sessionName(session: Pick<SessionView, "id">, opened: Opened): Named {
  if (opened.kind === "open") {
    const { title, path, host } = sessionFacts(opened.metadata);
    const name = title ?? (path === null ? null : folderIn(path));
    const more = [path, host].filter((part) => part !== null).join(" · ");
    if (name !== null) return { name, more, sealed: false };
  }
  return { name: `Session ${shortId(session.id)}`, more: whySealed(opened), sealed: true };
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
  if (ago >= NOW_MS) return `${duration(ago)} ago`;
  return active ? "active now" : "just now";
}

/** What a session does. */
export function sessionStatus({ active, thinking }: SessionView): Status {
  if (!active) return { tone: "quiet", text: "Ended", more: "" };
  return thinking
    ? { tone: "busy", text: "Working", more: "The agent works on an answer" }
    : { tone: "good", text: "Running", more: "The agent waits for you" };
}

/** Whether a machine can be reached. */
export function machineStatus({ active }: MachineView): Status {
  return active
    ? { tone: "good", text: "Online", more: "" }
    : { tone: "quiet", text: "Offline", more: "" };
}

/** A few words beside the heading; empty: nothing is known, or there is nothing. */
export function accountAside({ known, machines, sessions }: AccountState): string {
  if (!known || machines.size + sessions.size === 0) return "";
  const online = [...machines.values()].filter(({ active }) => active).length;
  const running = [...sessions.values()].filter(({ active }) => active).length;
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
  return `Account ${fingerprint(bytesOfBase64(publicKey) ?? new Uint8Array(), 2)}`;
}

/** The beginning of a key, in groups of four digits. */
export function fingerprint(key: Bytes, groups: number): string {
  const digits = Array.from(key.slice(0, groups * 2), (byte) => byte.toString(16).padStart(2, "0"));
  return Array.from({ length: groups }, (_, n) => digits.slice(n * 2, n * 2 + 2).join("")).join(
    " ",
  );
}

/** Why there is no terminal to let in. */
export function notFoundInWords(kind: Exclude<Found["kind"], "waiting">, origin: string): string {
  switch (kind) {
    case "no-link":
      return "This is not the link of a terminal. It begins with happy://terminal? or ends with a long #key=…";
    case "unknown":
      return `No terminal waits with this link. Is it still waiting, and is its HAPPY_SERVER_URL ${origin}? A link works for 15 minutes.`;
    case "used":
      return "This link was used already. Start the sign-in in the terminal again.";
  }
}

/** Why a terminal was not let in. */
export function notLetInInWords(failure: Failure, origin: string): string {
  return failure.status === 404 ? notFoundInWords("unknown", origin) : failureInWords(failure);
}
