import { Client, Events } from "discord.js";
import { complain, intents, tell, token, url } from "./double.mjs";

// `rest.api` is the documented base of its REST client; the gateway's address comes from there.
const client = new Client({ intents, rest: { api: `${url}/api` } });
const rooms = (guild) =>
  guild.channels.cache.filter((channel) => channel.isVoiceBased()).map(({ id }) => id);

client.on(Events.ClientReady, () => {
  for (const guild of client.guilds.cache.values()) tell("guild", { rooms: rooms(guild) });
});
client.on(Events.ShardReady, () => tell("ready"));
client.on(Events.ShardResume, () => tell("resumed"));
client.on(Events.GuildCreate, (guild) => tell("guild", { rooms: rooms(guild) }));
client.on(Events.GuildAvailable, (guild) => tell("guild", { rooms: rooms(guild) }));
client.on(Events.ChannelCreate, ({ id }) => tell("created", { id }));
client.on(Events.ChannelDelete, ({ id }) => tell("deleted", { id }));
client.on(Events.VoiceStateUpdate, (_, { id, channelId }) =>
  tell("voice", { user: id, channel: channelId ?? null }),
);
client.on(Events.Error, complain);
client.on(Events.Warn, complain);
await client.login(token);
