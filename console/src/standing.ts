import type { GatewayView } from "../../src/client/guild-view.ts";
import type { ConnectionState } from "../../src/client/stream-item.ts";
import { failureInWords } from "./failure-words.ts";
import { moment } from "./time-words.ts";

/** How good a state is; the page shows it as a colour and a shape. */
export type Tone = "good" | "busy" | "bad" | "quiet";

/** One of the two connections in a word or two; `more` is the detail. */
export type Status = { readonly tone: Tone; readonly text: string; readonly more: string };

/** Why the page is not up to date, in words, and what to do. */
type Trouble = {
  readonly tone: "busy" | "bad";
  readonly text: string;
  readonly action: "reconnect" | "sign-in" | null;
};

/** Both connections together: what the page shows about Discord is only as current as the stream. */
export type Standing = {
  readonly stream: Status;
  readonly discord: Status;
  /** Null: everything works, or the first attempt is under way. */
  readonly trouble: Trouble | null;
};

/** When the stream was lost, milliseconds since 1970. Null: it is live, or the first attempt is under way. */
export type LostAt = number | "never live" | null;

/**
 * The state of both connections.
 * @param gateway as the stream last reported it; null: not yet
 * @param lostAt since when nothing arrives
 */
export function standingOf(
  connection: ConnectionState,
  gateway: GatewayView | null,
  lostAt: LostAt,
): Standing {
  const stream = streamStatus(connection, lostAt);
  if (connection.kind === "live") {
    return { stream, discord: discordStatus(gateway), trouble: discordTrouble(gateway) };
  }
  const discord: Status = { tone: "quiet", text: "Not known", more: "" };
  return { stream, discord, trouble: streamTrouble(connection, lostAt) };
}

function streamStatus(state: ConnectionState, lostAt: LostAt): Status {
  switch (state.kind) {
    case "connecting":
      return { tone: "busy", text: "Connecting", more: "" };
    case "live": {
      const since = `Connected since ${moment(state.since)}`;
      return state.over === "websocket"
        ? { tone: "good", text: "Live", more: since }
        : {
            tone: "good",
            text: "Live over HTTP",
            more: `${since}. Your network lets no WebSocket through; nothing is missed.`,
          };
    }
    case "waiting":
      return {
        tone: "busy",
        text: waitingText(state.offline === true, lostAt),
        more: whyOf(state),
      };
    case "signed-out":
      return { tone: "bad", text: "Signed out", more: "" };
    case "stopped":
      return { tone: "bad", text: "Stopped", more: whyOf(state) };
  }
}

function streamTrouble(
  state: Exclude<ConnectionState, { readonly kind: "live" }>,
  lostAt: LostAt,
): Trouble | null {
  const nothingNew =
    typeof lostAt === "number"
      ? `Nothing new has arrived since ${moment(lostAt)}.`
      : "There is no connection yet.";
  switch (state.kind) {
    case "connecting":
      return lostAt === null
        ? null
        : { tone: "busy", text: `${nothingNew} Connecting …`, action: null };
    case "waiting":
      return state.offline === true
        ? {
            tone: "busy",
            text: `This device is offline. ${nothingNew} The rest follows as soon as the device is back online.`,
            action: null,
          }
        : {
            tone: "busy",
            text: `${nothingNew} The page tries again by itself${typeof lostAt === "number" ? ", and then shows what was missed" : ""}.`,
            action: "reconnect",
          };
    case "signed-out":
      return {
        tone: "bad",
        text: `Your sign-in is no longer valid. ${nothingNew}`,
        action: "sign-in",
      };
    case "stopped":
      return { tone: "bad", text: `${nothingNew} ${whyOf(state)}`, action: "reconnect" };
  }
}

function waitingText(isOffline: boolean, lostAt: LostAt): string {
  if (isOffline) return "Offline";
  return typeof lostAt === "number" ? "Reconnecting" : "Connecting";
}

function whyOf({
  why,
  failure,
}: Extract<ConnectionState, { readonly kind: "waiting" | "stopped" }>): string {
  return failure === undefined ? why : failureInWords(failure);
}

function discordStatus(gateway: GatewayView | null): Status {
  if (gateway === null) {
    return { tone: "quiet", text: "Not known", more: "No report from Discord yet" };
  }
  const more = `Since ${moment(gateway.since)}`;
  switch (gateway.state) {
    case "connected":
      return { tone: "good", text: "Connected", more };
    case "resuming":
      return { tone: "busy", text: "Reconnecting", more };
    case "down":
      return { tone: "bad", text: "Not connected", more };
  }
}

function discordTrouble(gateway: GatewayView | null): Trouble | null {
  if (gateway?.state !== "down") return null;
  return {
    tone: "busy",
    text: `Discord has not been connected since ${moment(gateway.since)}. Joins and leaves appear once it is back; until then, opening a room may fail.`,
    action: null,
  };
}
