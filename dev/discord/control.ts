import { AuditLogEvent, ChannelType } from "discord-api-types/v10";
import type { Context, MiddlewareHandler } from "hono";
import { Hono } from "hono";
import { cors } from "hono/cors";
import { z } from "zod";
import type { Gateway } from "./gateway/gateway.ts";
import { isVoice } from "./model.ts";
import { channelObject, guildObject, voiceStateObject } from "./objects.ts";
import { parsePermissions } from "./permissions.ts";
import type { Faults } from "./rest/faults.ts";
import { SERVER_OWNER } from "./seed.ts";
import type { World } from "./world.ts";

const LOCAL_ORIGIN = /^http:\/\/(?:127\.0\.0\.1|localhost)(?::\d+)?$/;
const DAY_MS = 24 * 60 * 60 * 1_000;

const UserId = z.string().regex(/^[\w-]{1,64}$/, "1 to 64 letters, digits, - or _");
const Name = z.string().trim().min(1).max(100);
const Milliseconds = z.int().min(0).max(DAY_MS);

const VoiceBody = z.object({
  userId: UserId,
  channelId: z.string().nullable(),
  selfMute: z.boolean().optional(),
});
const ChannelBody = z.object({ name: Name, guildId: z.string().optional() });
const GuildBody = z.object({ name: Name });
const AvailabilityBody = z.object({ available: z.boolean() });
const PermissionsBody = z.object({
  guildId: z.string().optional(),
  permissions: z.string().regex(/^\d{1,20}$/, "a bit set as a decimal string"),
});
const RestBody = z.object({
  status: z.union([z.literal(0), z.int().min(200).max(599)]).default(500),
  times: z.int().min(0).max(10_000),
  retryAfter: z.number().min(0).max(3_600).default(1),
  scope: z.enum(["user", "global", "shared"]).default("user"),
  afterEffect: z.boolean().default(false),
});
const GatewayBody = z.object({
  action: z.enum(["drop", "reconnect", "invalidate", "zombie", "outage", "restore", "heartbeat"]),
  // 1004 to 1006 are never on the wire.
  code: z.union([z.literal(1000), z.literal(1001), z.int().min(3000).max(4999)]).optional(),
  resumable: z.boolean().default(false),
  ms: Milliseconds.optional(),
});

export interface ControlPorts {
  readonly world: World;
  readonly gateway: Gateway;
  readonly faults: Faults;
  readonly primaryGuildId: string;
}

/** What a test or the page does to this Discord that a bot can't do: `/_control`. */
export function createControlApi(ports: ControlPorts): Hono {
  const { world, gateway, faults, primaryGuildId } = ports;
  const api = new Hono();
  api.use(refuseForeignPages, cors({ origin: (origin) => (isLocal(origin) ? origin : null) }));

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

  api.post("/voice", (c) =>
    withBody(c, VoiceBody, ({ userId, channelId, selfMute }) => {
      if (channelId === null) {
        world.setVoice(userId, null);
        return c.json({ ok: true });
      }
      const channel = world.channels.get(channelId);
      if (channel === undefined || !isVoice(channel)) {
        return bad(c, `channelId: there is no voice channel ${channelId}`);
      }
      world.setVoice(userId, channel, selfMute);
      return c.json({ ok: true });
    }),
  );

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

  api.post("/rest", (c) =>
    withBody(c, RestBody, ({ times, ...fault }) => {
      faults.set(fault, times);
      return c.json({ ok: true });
    }),
  );

  api.post("/gateway", (c) =>
    withBody(c, GatewayBody, (body) => {
      act(body, ports);
      return c.json({ ok: true });
    }),
  );

  api.all("/*", (c) => c.json({ error: "there is no such control call; see README.md" }, 404));
  return api;
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
    case "outage":
      faults.beginOutage(body.ms ?? null);
      return gateway.drop(null);
    case "restore":
      return faults.endOutage();
  }
}

/** Another site's page must not steer this, even though it runs in the developer's browser. */
const refuseForeignPages: MiddlewareHandler = async (c, next) => {
  const origin = c.req.header("origin");
  if (origin === undefined || isLocal(origin)) return next();
  return c.json({ error: "only pages of this machine may call the control API" }, 403);
};

function isLocal(origin: string): boolean {
  return LOCAL_ORIGIN.test(origin);
}

function bad(c: Context, error: string): Response {
  return c.json({ error }, 400);
}

async function withBody<T>(
  c: Context,
  schema: z.ZodType<T>,
  work: (body: T) => Response,
): Promise<Response> {
  let json: unknown;
  try {
    json = await c.req.json();
  } catch {
    return bad(c, "the body is not JSON");
  }
  const body = schema.safeParse(json);
  if (body.success) return work(body.data);
  const problems = body.error.issues.map(({ path, message }) =>
    path.length === 0 ? message : `${path.join(".")}: ${message}`,
  );
  return bad(c, problems.join("; "));
}
