import { Agent } from "node:http";
import { connect } from "node:net";

/** The URL of the local Discord and the bot's token. */
export const url = process.env.DISCORD_URL ?? "";
export const token = process.env.DISCORD_TOKEN ?? "";

/** GUILDS and GUILD_VOICE_STATES. */
export const intents = (1 << 0) | (1 << 7);

/** For libraries that support TLS only: connects to the local Discord without TLS. */
export class PlainAgent extends Agent {
  protocol = "https:";

  createConnection() {
    const { hostname, port } = new URL(url);
    return connect(Number(port), hostname);
  }
}

/** Tells the test what the library told its user, as a line of JSON. */
export function tell(kind, more = {}) {
  process.stdout.write(`${JSON.stringify({ kind, ...more })}\n`);
}

/** Prints what a library only logs, for the person who reads a failure. */
export function complain(...words) {
  process.stderr.write(`${words.map(String).join(" ")}\n`);
}
