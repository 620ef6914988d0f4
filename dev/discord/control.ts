import { AuditLogEvent, ChannelType } from "discord-api-types/v10";
import type { Hono } from "hono";
import { z } from "zod";
import { err, ok } from "../../src/platform/result.ts";
import {
  controlApi,
  DONE,
  Milliseconds,
  noSuch,
  onDelete,
  onGet,
  onPost,
} from "../doubles/control.ts";
import { BitSet, Name, peopleControls } from "./control-people.ts";
import { EventFault, type Faults, RestFaultBody } from "./faults.ts";
import type { Gateway } from "./gateway/gateway.ts";
import type { InteractionsEndpoint } from "./interactions/endpoint.ts";
import { channelObject, guildObject, voiceStateObject } from "./objects.ts";
import type { CallLog } from "./rest/recording.ts";
import { SERVER_OWNER } from "./seed.ts";
import type { World } from "./world.ts";

const ChannelBody = z.object({ name: Name, guildId: z.string().optional() });
const GuildBody = z.object({ name: Name });
const AvailabilityBody = z.object({ available: z.boolean() });
const PermissionsBody = z.object({
  guildId: z.string().optional(),
  permissions: BitSet,
});
const GatewayBody = z.object({
  action: z.enum([
    "drop",
    "reconnect",
    "invalidate",
    "zombie",
    "outage",
    "restore",
    "heartbeat",
    "unanswered",
  ]),
  // The codes 1004 to 1006 are never sent on the wire.
  code: z.union([z.literal(1000), z.literal(1001), z.int().min(3000).max(4999)]).optional(),
  resumable: z.boolean().default(false),
  ms: Milliseconds.optional(),
  times: z.int().min(0).max(10_000).default(1),
});
/** A fault of the bot's gateway connection. */
export type GatewayFault = z.input<typeof GatewayBody>;

export interface ControlPorts {
  readonly world: World;
  readonly gateway: Gateway;
  readonly faults: Faults;
  readonly calls: CallLog;
  readonly endpoint: InteractionsEndpoint;
  readonly newId: () => string;
  readonly primaryGuildId: string;
}

/** `/_control`: lets a test or the page do what a bot can't do. */
export function createControlApi(ports: ControlPorts): Hono {
  const { world, gateway, faults, calls, endpoint, primaryGuildId } = ports;
  return controlApi([
    onGet("/state", () => controlState(ports)),
    onGet("/calls", () => calls.list()),
    onGet("/messages", () => world.archive.state().messages),

    ...peopleControls(world, endpoint, ports),

    onPost("/channels", ChannelBody, ({ name, guildId = primaryGuildId }) => {
      if (!world.guilds.has(guildId)) return err(`guildId: there is no guild ${guildId}`);
      const channel = world.createChannel({ guildId, name, type: ChannelType.GuildVoice });
      const action = AuditLogEvent.ChannelCreate;
      world.archive.audit({ guildId, action, targetId: channel.id, userId: SERVER_OWNER.id });
      return ok(channelObject(channel));
    }),
    onDelete("/channels/:id", (id) => {
      const channel = world.channels.get(id);
      if (channel === undefined) return noSuch("channel");
      world.deleteChannel(channel);
      const { guildId } = channel;
      const action = AuditLogEvent.ChannelDelete;
      world.archive.audit({ guildId, action, targetId: id, userId: SERVER_OWNER.id });
      return ok(channelObject(channel));
    }),

    onPost("/guilds", GuildBody, ({ name }) => ok({ id: world.createGuild(name).id })),
    onDelete("/guilds/:id", (id) => {
      if (!world.guilds.has(id)) return noSuch("guild");
      if (id === primaryGuildId) return err("id: the primary guild stays");
      world.removeGuild(id);
      return DONE;
    }),
    onPost("/guilds/:id/availability", AvailabilityBody, ({ available }, id) => {
      const guild = world.guilds.get(id);
      if (guild === undefined) return noSuch("guild");
      world.setAvailable(guild, available);
      return DONE;
    }),
    onPost("/permissions", PermissionsBody, ({ guildId = primaryGuildId, permissions }) => {
      const guild = world.guilds.get(guildId);
      if (guild === undefined) return err(`guildId: there is no guild ${guildId}`);
      world.setBotPermissions(guild, BigInt(permissions));
      return DONE;
    }),

    onPost("/gateway", GatewayBody, (body) => {
      act(body, ports);
      return DONE;
    }),
    onPost("/events", EventFault, (fault) => {
      gateway.eventFaults.set(fault);
      return DONE;
    }),
    onPost("/rest", RestFaultBody, ({ times, skip, method, path, ...fault }) => {
      faults.set(fault, { times, skip, target: { method, path } });
      return DONE;
    }),
  ]);
}

/** The whole state of this Discord. */
export function controlState({ world, gateway }: ControlPorts) {
  return {
    guilds: [...world.guilds.values()].map((guild) => guildObject(guild)),
    channels: [...world.channels.values()].map(channelObject),
    voiceStates: [...world.voice.values()].map((voice) => ({
      ...voiceStateObject(voice),
      guildId: voice.guildId,
      channelId: voice.channelId,
      userId: voice.userId,
      selfMute: voice.selfMute,
    })),
    users: [...world.users.values()].filter(({ bot }) => !bot),
    gateway: gateway.report(),
  };
}

function act(body: z.infer<typeof GatewayBody>, { gateway, faults }: ControlPorts): void {
  switch (body.action) {
    case "drop":
      return gateway.drop(body.code ?? null);
    case "reconnect":
      return gateway.requestReconnects();
    case "invalidate":
      return gateway.invalidate(body.resumable);
    case "zombie":
      return gateway.freeze(body.ms ?? null);
    case "heartbeat":
      return gateway.requestHeartbeats();
    case "unanswered":
      return gateway.leaveUnanswered(body.times);
    case "outage":
      faults.beginOutage(body.ms ?? null);
      return gateway.drop(null);
    case "restore":
      return faults.endOutage();
  }
}
