import type { GatewayView } from "../../src/client/guild-view.ts";
import type { ConnectionState } from "../../src/client/stream-item.ts";
import { moment } from "./words.ts";

/** How good a state is; the page shows it as a colour and a shape. */
export type Tone = "good" | "busy" | "bad" | "quiet";

/** One of the two connections in a word or two; `more` for who asks. */
export type Status = { readonly tone: Tone; readonly text: string; readonly more: string };

/** What keeps the page from being up to date, in words, and the way out of it. */
export type Trouble = {
  readonly tone: "busy" | "bad";
  readonly text: string;
  readonly action: "reconnect" | "sign-in" | null;
};

/** Both connections together: what is shown of Discord is only as new as the stream that told it. */
export type Standing = {
  readonly stream: Status;
  readonly discord: Status;
  /** Null: everything is as it should be, or about to be. */
  readonly trouble: Trouble | null;
};

/**
 * What is true of both connections.
 * @param gateway as the stream told it last; null: not yet
 * @param lostAt since when nothing arrives, milliseconds since 1970; null: it does
 */
export function standingOf(
  connection: ConnectionState,
  gateway: GatewayView | null,
  lostAt: number | null,
): Standing {
  const stream = streamStatus(connection);
  if (connection.kind === "live") {
    return { stream, discord: discordStatus(gateway), trouble: discordTrouble(gateway) };
  }
  const discord: Status = { tone: "quiet", text: "Not known", more: "" };
  return { stream, discord, trouble: streamTrouble(connection, lostAt) };
}

function streamStatus(state: ConnectionState): Status {
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
      return { tone: "busy", text: state.offline ? "Offline" : "Reconnecting", more: state.why };
    case "signed-out":
      return { tone: "bad", text: "Signed out", more: "" };
    case "stopped":
      return { tone: "bad", text: "Stopped", more: state.why };
  }
}

function streamTrouble(
  state: Exclude<ConnectionState, { readonly kind: "live" }>,
  lostAt: number | null,
): Trouble | null {
  const since = lostAt === null ? "" : ` since ${moment(lostAt)}`;
  switch (state.kind) {
    case "connecting":
      return lostAt === null
        ? null
        : { tone: "busy", text: `Nothing new has arrived${since}. Connecting …`, action: null };
    case "waiting":
      return state.offline === true
        ? {
            tone: "busy",
            text: `This device is offline, and nothing new has arrived${since}. What was missed comes as soon as it is back.`,
            action: null,
          }
        : {
            tone: "busy",
            text: `The connection is lost, and nothing new has arrived${since}. It comes back by itself, with what was missed.`,
            action: "reconnect",
          };
    case "signed-out":
      return {
        tone: "bad",
        text: `Your sign-in is no longer valid, so nothing new has arrived${since}.`,
        action: "sign-in",
      };
    case "stopped":
      return {
        tone: "bad",
        text: `Nothing new has arrived${since}. ${state.why}`,
        action: "reconnect",
      };
  }
}

function discordStatus(gateway: GatewayView | null): Status {
  if (gateway === null) {
    return { tone: "quiet", text: "Not known", more: "Nothing was heard of Discord yet" };
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
    text: `Discord has not been connected since ${moment(gateway.since)}. Who comes and goes there shows once it is back; rooms may not open meanwhile.`,
    action: null,
  };
}
