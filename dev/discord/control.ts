import { AuditLogEvent, ChannelType } from "discord-api-types/v10";
import type { Hono } from "hono";
import { z } from "zod";
import {
  bad,
  beginControlApi,
  endControlApi,
  Milliseconds,
  withBody,
} from "../doubles/control-api.ts";
import { BitSet, Name } from "./control/fields.ts";
import { interactionControls } from "./control/interactions.ts";
import { peopleControls } from "./control/people.ts";
import { restControls } from "./control/rest.ts";
import type { Gateway } from "./gateway/gateway.ts";
import type { InteractionsEndpoint } from "./interactions/endpoint.ts";
import { channelObject, guildObject, voiceStateObject } from "./objects.ts";
import { parsePermissions } from "./permissions.ts";
import type { CallLog } from "./rest/recording.ts";
import type { Faults } from "./faults.ts";
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
  // 1004 to 1006 are never on the wire.
  code: z.union([z.literal(1000), z.literal(1001), z.int().min(3000).max(4999)]).optional(),
  resumable: z.boolean().default(false),
  ms: Milliseconds.optional(),
  times: z.int().min(0).max(10_000).default(1),
});
const EventBody = z.object({
  event: z.string().regex(/^[A-Z_]{1,64}$/, "an event's name, for example GUILD_CREATE"),
  copies: z.int().min(0).max(10).default(1),
  merge: z.record(z.string(), z.unknown()).default({}),
});

/** What is done to the bot's gateway connection. */
export type GatewayFault = z.input<typeof GatewayBody>;

/** What becomes of every event of a name. */
export type EventFault = z.input<typeof EventBody>;

export interface ControlPorts {
  readonly world: World;
  readonly gateway: Gateway;
  readonly faults: Faults;
  readonly calls: CallLog;
  readonly endpoint: InteractionsEndpoint;
  readonly newId: () => string;
  readonly primaryGuildId: string;
}

/** What a test or the page does to this Discord that a bot can't do: `/_control`. */
export function createControlApi(ports: ControlPorts): Hono {
  const { world, gateway, faults, calls, endpoint, newId, primaryGuildId } = ports;
  const api = beginControlApi();
  api.get("/state", (c) =>
    c.json({
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
    }),
  );

  api.route("/", peopleControls(world, primaryGuildId));
  api.route("/", restControls(world, faults, calls));
  api.route("/interactions", interactionControls(world, endpoint, { primaryGuildId, newId }));

  api.post("/channels", (c) =>
    withBody(c, ChannelBody, ({ name, guildId = primaryGuildId }) => {
      if (!world.guilds.has(guildId)) return bad(c, `guildId: there is no guild ${guildId}`);
      const channel = world.createChannel({ guildId, name, type: ChannelType.GuildVoice });
      const action = AuditLogEvent.ChannelCreate;
      world.archive.audit({ guildId, action, targetId: channel.id, userId: SERVER_OWNER.id });
      return c.json(channelObject(channel));
    }),
  );

  api.delete("/channels/:id", (c) => {
    const channel = world.channels.get(c.req.param("id"));
    if (channel === undefined) return c.json({ error: "there is no such channel" }, 404);
    world.deleteChannel(channel);
    const action = AuditLogEvent.ChannelDelete;
    const entry = { guildId: channel.guildId, action, targetId: channel.id };
    world.archive.audit({ ...entry, userId: SERVER_OWNER.id });
    return c.json(channelObject(channel));
  });

  api.post("/guilds", (c) =>
    withBody(c, GuildBody, ({ name }) => c.json({ id: world.createGuild(name).id })),
  );

  api.delete("/guilds/:id", (c) => {
    const id = c.req.param("id");
    if (!world.guilds.has(id)) return c.json({ error: "there is no such guild" }, 404);
    if (id === primaryGuildId) return bad(c, "id: the primary guild stays");
    world.removeGuild(id);
    return c.json({ ok: true });
  });

  api.post("/guilds/:id/availability", (c) =>
    withBody(c, AvailabilityBody, ({ available }) => {
      const guild = world.guilds.get(c.req.param("id"));
      if (guild === undefined) return c.json({ error: "there is no such guild" }, 404);
      world.setAvailable(guild, available);
      return c.json({ ok: true });
    }),
  );

  api.post("/permissions", (c) =>
    withBody(c, PermissionsBody, ({ guildId = primaryGuildId, permissions }) => {
      const guild = world.guilds.get(guildId);
      if (guild === undefined) return bad(c, `guildId: there is no guild ${guildId}`);
      world.setBotPermissions(guild, parsePermissions(permissions) ?? 0n);
      return c.json({ ok: true });
    }),
  );

  api.post("/gateway", (c) =>
    withBody(c, GatewayBody, (body) => {
      act(body, ports);
      return c.json({ ok: true });
    }),
  );

  api.post("/events", (c) =>
    withBody(c, EventBody, ({ event, ...fault }) => {
      const isUsual = fault.copies === 1 && Object.keys(fault.merge).length === 0;
      gateway.eventFaults.set(event, isUsual ? null : fault);
      return c.json({ ok: true });
    }),
  );

  return endControlApi(api);
}

function act(body: z.infer<typeof GatewayBody>, { gateway, faults }: ControlPorts): void {
  switch (body.action) {
    case "drop":
      return gateway.drop(body.code ?? null);
    case "reconnect":
      return gateway.askToReconnect();
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
