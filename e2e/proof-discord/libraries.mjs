// A bot of one gateway library on the local Discord. It prints what the library reported to its user: `node
// libraries.mjs eris`. Plain JavaScript, because the libraries are installed for this proof alone.
import { Agent } from "node:http";
import https from "node:https";
import { connect } from "node:net";

/** The URL of the local Discord and the bot's token. */
const url = process.env.DISCORD_URL ?? "";
const token = process.env.DISCORD_TOKEN ?? "";

/** GUILDS and GUILD_VOICE_STATES. */
const intents = (1 << 0) | (1 << 7);

const LIBRARIES = {
  async "discord.js"() {
    const { Client, Events } = await import("discord.js");
    // `rest.api` is the documented base of its REST client; the gateway's address comes from there.
    const client = new Client({ intents, rest: { api: `${url}/api` } });
    const tellRooms = ({ channels }) => {
      const rooms = channels.cache.filter((channel) => channel.isVoiceBased());
      tell("guild", { rooms: rooms.map(({ id }) => id) });
    };
    client.on(Events.ClientReady, () => {
      for (const guild of client.guilds.cache.values()) tellRooms(guild);
    });
    client.on(Events.ShardReady, () => tell("ready"));
    client.on(Events.ShardResume, () => tell("resumed"));
    client.on(Events.GuildCreate, tellRooms);
    client.on(Events.GuildAvailable, tellRooms);
    client.on(Events.ChannelCreate, ({ id }) => tell("created", { id }));
    client.on(Events.ChannelDelete, ({ id }) => tell("deleted", { id }));
    client.on(Events.VoiceStateUpdate, (_, { id, channelId }) => tellVoice(id, channelId));
    client.on(Events.Error, complain);
    client.on(Events.Warn, complain);
    await client.login(token);
  },

  async eris() {
    const { default: Eris } = await import("eris");
    // `rest.domain` and `rest.agent` are documented; the gateway's address comes from GET /gateway/bot.
    const rest = { domain: new URL(url).host, agent: new PlainAgent() };
    await connectEris(new Eris(`Bot ${token}`, { intents, rest }));
  },

  async "oceanic.js"() {
    const { Client } = await import("oceanic.js");
    // `rest.baseURL` is documented; the gateway's address comes from there.
    const rest = { baseURL: `${url}/api/v10` };
    await connectEris(new Client({ auth: `Bot ${token}`, gateway: { intents }, rest }));
  },

  async seyfert() {
    const { ApiHandler, Client, createEvent } = await import("seyfert");
    const client = new Client({ getRC: () => ({ token, intents, locations: { base: "." } }) });
    // `domain` is an option of its REST client. Its gateway client supports only TLS on port 443, through
    // Node's global agent.
    https.globalAgent = new PatientAgent();
    client.setServices({ rest: new ApiHandler({ token, domain: url }) });
    const rooms = (guildId) => {
      const channels = client.cache.channels?.values(guildId) ?? [];
      return channels.filter((channel) => channel.isVoice()).map(({ id }) => id);
    };
    const event = (name, run) => createEvent({ data: { name }, run });
    client.events.set([
      event("ready", () => tell("ready")),
      event("resumed", () => tell("resumed")),
      event("rawGuildCreate", ({ id }) => tell("guild", { rooms: rooms(id) })),
      event("channelCreate", ({ id }) => tell("created", { id })),
      event("channelDelete", ({ id }) => tell("deleted", { id })),
      event("voiceStateUpdate", ([{ userId, channelId }]) => tellVoice(userId, channelId)),
    ]);
    client.events.onFail = complain;
    await client.start();
  },
};

/** Oceanic is a fork of Eris: both report the same events. */
async function connectEris(client) {
  const tellRooms = ({ channels }) => {
    const rooms = channels.filter(({ type }) => type === 2);
    tell("guild", { rooms: rooms.map(({ id }) => id) });
  };
  client.on("shardReady", () => tell("ready"));
  client.on("shardResume", () => tell("resumed"));
  client.on("ready", () => client.guilds.forEach(tellRooms));
  client.on("guildAvailable", tellRooms);
  client.on("guildCreate", tellRooms);
  client.on("channelCreate", ({ id }) => tell("created", { id }));
  client.on("channelDelete", ({ id }) => tell("deleted", { id }));
  client.on("voiceChannelJoin", ({ id }, channel) => tellVoice(id, channel.id));
  client.on("voiceChannelSwitch", ({ id }, channel) => tellVoice(id, channel.id));
  client.on("voiceChannelLeave", ({ id }) => tellVoice(id));
  client.on("error", complain);
  client.on("warn", complain);
  await client.connect();
}

/** For libraries that support TLS only: connects to the local Discord without TLS. */
class PlainAgent extends Agent {
  protocol = "https:";

  createConnection() {
    const { hostname, port } = new URL(url);
    return connect(Number(port), hostname);
  }
}

/**
 * Seyfert loses data that arrives in one packet with the answer to its upgrade, as HELLO does on the loopback
 * network. The agent puts the data back, to be read after the answer.
 */
class PatientAgent extends PlainAgent {
  addRequest(request, options) {
    request.prependListener("upgrade", (_, socket, head) => {
      if (head.length > 0) socket.unshift(head);
    });
    super.addRequest(request, options);
  }
}

/** Sends the test what the library reported to its user, as a line of JSON. */
function tell(kind, more = {}) {
  process.stdout.write(`${JSON.stringify({ kind, ...more })}\n`);
}

/** Reports the channel of a user; null: none. */
function tellVoice(user, channel = null) {
  tell("voice", { user, channel });
}

/** Prints what a library only logs, for the person who reads a failure. */
function complain(...words) {
  process.stderr.write(`${words.map(String).join(" ")}\n`);
}

await LIBRARIES[process.argv[2]]();
