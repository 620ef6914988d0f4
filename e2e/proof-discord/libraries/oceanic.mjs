import { Client } from "oceanic.js";
import { complain, intents, tell, token, url } from "./double.mjs";

// `rest.baseURL` is documented; the gateway's address comes from there.
const client = new Client({
  auth: `Bot ${token}`,
  gateway: { intents },
  rest: { baseURL: `${url}/api/v10` },
});
const rooms = (guild) => guild.channels.filter(({ type }) => type === 2).map(({ id }) => id);
const voice = ({ id }, channel) => tell("voice", { user: id, channel });

client.on("shardReady", () => tell("ready"));
client.on("shardResume", () => tell("resumed"));
client.on("ready", () => client.guilds.forEach((guild) => tell("guild", { rooms: rooms(guild) })));
client.on("guildAvailable", (guild) => tell("guild", { rooms: rooms(guild) }));
client.on("guildCreate", (guild) => tell("guild", { rooms: rooms(guild) }));
client.on("channelCreate", ({ id }) => tell("created", { id }));
client.on("channelDelete", ({ id }) => tell("deleted", { id }));
client.on("voiceChannelJoin", (member, channel) => voice(member, channel.id));
client.on("voiceChannelSwitch", (member, channel) => voice(member, channel.id));
client.on("voiceChannelLeave", (member) => voice(member, null));
client.on("error", complain);
client.on("warn", complain);
await client.connect();
