// A program that uses the package's types and also checks the types of its libraries. The test compiles it against
// the built package.
import {
  type ConnectionState,
  type EventName,
  GuildClient,
  type Match,
  type Outcome,
  type Presence,
  type Room,
  type StreamItem,
} from "../../../src/client/index.ts";

const guild = new GuildClient({ baseUrl: "https://hub.example", token: async () => "a token" });

guild.on("voice.joined", ({ payload, seq }): string => `${payload.userId}${seq.toFixed()}`);
// @ts-expect-error: an event that is not registered
guild.on("voice.jumped", () => {});
// @ts-expect-error: a room that ended has no name any more
guild.on("room.deleted", ({ payload }) => payload.name);

/** The name narrows the payload. */
export function inWords(item: StreamItem): string {
  if (item.type !== "event") return item.type;
  switch (item.event) {
    case "room.created":
      return item.payload.name;
    case "gateway.state":
      return item.payload.state;
    case "room.updated":
      // @ts-expect-error: userLimit is a number
      return item.payload.userLimit;
    case "match.created":
    case "match.updated":
    case "match.ended":
      return item.payload.match.factions.faction1.room?.name ?? item.payload.match.status;
    default:
      return item.payload.channelId;
  }
}

/** The switch must cover every state. */
export function stateInWords(state: ConnectionState): string {
  switch (state.kind) {
    case "live":
      return state.over;
    case "waiting":
    case "stopped":
      return state.why;
    case "connecting":
    case "signed-out":
      return state.kind;
  }
}

const name: EventName = "room.created";
guild.on(name, () => {});
guild.on("presence", ({ count, users }: Presence) => [count, users?.[0]?.userId]);
guild.on("items", (items: readonly StreamItem[]) => items.map(inWords));
const outcome: Outcome<null> = guild.subscribe(["1"]);
export const why: string = outcome.ok ? stateInWords(guild.state) : outcome.failure.message;
export const room: Promise<Outcome<Room>> = guild.api.room("1");
export const match: Promise<Outcome<Match>> = guild.api.match("1-m");
guild.connect();
guild.close();
