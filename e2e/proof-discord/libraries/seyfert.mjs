import https from "node:https";
import { ApiHandler, Client, createEvent } from "seyfert";
import { complain, intents, PlainAgent, tell, token, url } from "./double.mjs";

/**
 * Seyfert loses data that arrives in one packet with the answer to its upgrade, as HELLO does on the
 * loopback network. The agent puts it back, to be read after the answer.
 */
class PatientAgent extends PlainAgent {
  addRequest(request, options) {
    request.prependListener("upgrade", (_, socket, head) => {
      if (head.length > 0) socket.unshift(head);
    });
    super.addRequest(request, options);
  }
}

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
  event("voiceStateUpdate", ([{ userId, channelId }]) =>
    tell("voice", { user: userId, channel: channelId ?? null }),
  ),
]);
client.events.onFail = complain;
await client.start();
