import Eris from "eris";
import { complain, intents, PlainAgent, tell, token, url } from "./double.mjs";

// `rest.domain` and `rest.agent` are documented; the gateway's address comes from GET /gateway/bot.
const client = new Eris(`Bot ${token}`, {
  intents,
  rest: { domain: new URL(url).host, agent: new PlainAgent() },
});
const rooms = (guild) => guild.channels.filter(({ type }) => type === 2).map(({ id }) => id);
const voice = (user, channel) => tell("voice", { user, channel });

client.on("shardReady", () => tell("ready"));
client.on("shardResume", () => tell("resumed"));
client.on("ready", () => client.guilds.forEach((guild) => tell("guild", { rooms: rooms(guild) })));
client.on("guildAvailable", (guild) => tell("guild", { rooms: rooms(guild) }));
client.on("guildCreate", (guild) => tell("guild", { rooms: rooms(guild) }));
client.on("channelCreate", ({ id }) => tell("created", { id }));
client.on("channelDelete", ({ id }) => tell("deleted", { id }));
client.on("voiceChannelJoin", ({ id }, channel) => voice(id, channel.id));
client.on("voiceChannelSwitch", ({ id }, channel) => voice(id, channel.id));
client.on("voiceChannelLeave", ({ id }) => voice(id, null));
client.on("error", complain);
client.on("warn", complain);
await client.connect();
