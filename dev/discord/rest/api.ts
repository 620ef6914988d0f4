import { Hono } from "hono";
import type { Clock } from "../../../src/platform/clock.ts";
import type { Result } from "../../../src/platform/result.ts";
import type { LocalApplication } from "../application.ts";
import type { Grants } from "../oauth2/grants.ts";
import { exchangeCode, revokeToken } from "../oauth2/token.ts";
import type { World } from "../world.ts";
import type { CallLog } from "./call-log.ts";
import {
  createChannel,
  deleteChannel,
  deleteOverwrite,
  getChannel,
  listChannels,
  putOverwrite,
  updateChannel,
} from "./channels.ts";
import { listCommands, replaceCommands } from "./commands.ts";
import { type Failure, FAILURES } from "./failure.ts";
import type { Faults } from "./faults.ts";
import type { Fields } from "./form.ts";
import { getAuditLog, getGuild, listRoles } from "./guilds.ts";
import { createInvite } from "./invites.ts";
import { getMember, getVoiceState, updateMember } from "./members.ts";
import { createMessage } from "./messages.ts";
import { RateLimits } from "./rate-limits.ts";
import {
  readFields,
  readJson,
  readReason,
  refuse,
  reply,
  type RestBindings,
  type RestContext,
  type RestExchange,
} from "./request.ts";
import { RouteTable } from "./route-table.ts";
import {
  authenticate,
  checkClient,
  injectFaults,
  limit,
  recordCalls,
  recordExchanges,
} from "./rules.ts";
import { applicationObject, getUser, openDirectChannel } from "./users.ts";

/** `session_start_limit` of `GET /gateway/bot`. */
export interface SessionStartLimit {
  readonly total: number;
  readonly remaining: number;
  /** Milliseconds. */
  readonly reset_after: number;
  readonly max_concurrency: number;
}

export interface RestPorts {
  readonly world: World;
  readonly botToken: string;
  readonly application: LocalApplication;
  readonly grants: Grants;
  readonly faults: Faults;
  readonly calls: CallLog;
  readonly clock: Clock;
  readonly newId: () => string;
  readonly sessionStartLimit: () => SessionStartLimit;
  /** Where OAuth2 may send a browser back to. */
  readonly redirectUris: readonly string[];
  /** Where slash commands are sent; null: nowhere. */
  readonly interactionsUrl: string | null;
  /** Hears every exchange; absent: nobody does. */
  readonly onExchange?: (exchange: RestExchange) => void;
}

/** Two addresses of the same: what the developer portal shows of the application. */
const OWN_APPLICATION_PATHS = ["/applications/@me", "/oauth2/applications/@me"] as const;

/** Where an application's commands are: those of all guilds, and those of one. */
const COMMAND_PATHS = [
  "/applications/:applicationId/commands",
  "/applications/:applicationId/guilds/:guildId/commands",
] as const;

type Work = (fields: Fields, reason: string | null) => Result<unknown, Failure>;

/** The REST API v10, mounted at `/api`: what a room service and its gateway client call. */
export function createRestApi(ports: RestPorts): Hono<RestBindings> {
  const { world, botToken, grants, faults, clock, newId } = ports;
  const api = new Hono<RestBindings>();
  const limits = new RateLimits(clock);
  const routes = new RouteTable();
  const rules = [
    ...(ports.onExchange === undefined ? [] : [recordExchanges(ports.onExchange)]),
    recordCalls(ports.calls),
    checkClient,
    injectFaults(faults, limits, routes),
    authenticate(botToken, grants, routes),
    limit(botToken, limits, routes),
  ];
  for (const rule of rules) api.use("/v10/*", rule);

  const v10 = api.basePath("/v10");
  v10.get("/gateway", (c) => c.json({ url: gatewayUrl(c) }));
  v10.get("/gateway/bot", (c) => {
    const limitNow = ports.sessionStartLimit();
    return c.json({ url: gatewayUrl(c), shards: 1, session_start_limit: limitNow });
  });
  // Some clients write %40me: a parameter is decoded, a fixed path is not.
  v10.get("/users/:userId", (c) => {
    const bearer = grants.userOf(c.req.header("authorization"));
    return reply(c, getUser(world, c.req.param("userId"), bearer));
  });
  v10.post("/users/:userId/channels", (c) =>
    write(c, (fields) => openDirectChannel(world, c.req.param("userId"), fields)),
  );

  v10.get("/guilds/:guildId", (c) => reply(c, getGuild(world, c.req.param("guildId"))));
  v10.get("/guilds/:guildId/roles", (c) => reply(c, listRoles(world, c.req.param("guildId"))));
  v10.get("/guilds/:guildId/audit-logs", (c) =>
    reply(c, getAuditLog(world, c.req.param("guildId"), c.req.query())),
  );
  v10.get("/guilds/:guildId/channels", (c) =>
    reply(c, listChannels(world, c.req.param("guildId"))),
  );
  v10.post("/guilds/:guildId/channels", (c) =>
    write(c, (fields, reason) => createChannel(world, c.req.param("guildId"), fields, reason), 201),
  );
  v10.get("/guilds/:guildId/members/:userId", (c) =>
    reply(c, getMember(world, c.req.param("guildId"), c.req.param("userId"))),
  );
  v10.patch("/guilds/:guildId/members/:userId", (c) =>
    write(c, (fields, reason) => updateMember(world, c.req.param(), fields, reason)),
  );
  v10.get("/guilds/:guildId/voice-states/:userId", (c) =>
    reply(c, getVoiceState(world, c.req.param("guildId"), c.req.param("userId"))),
  );

  v10.get("/channels/:channelId", (c) => reply(c, getChannel(world, c.req.param("channelId"))));
  v10.patch("/channels/:channelId", (c) =>
    write(c, (fields, reason) => updateChannel(world, c.req.param("channelId"), fields, reason)),
  );
  v10.delete("/channels/:channelId", (c) =>
    write(c, (_, reason) => deleteChannel(world, c.req.param("channelId"), reason)),
  );
  v10.put("/channels/:channelId/permissions/:overwriteId", (c) =>
    write(c, (fields, reason) => putOverwrite(world, c.req.param(), fields, reason)),
  );
  v10.delete("/channels/:channelId/permissions/:overwriteId", (c) =>
    write(c, (_, reason) => deleteOverwrite(world, c.req.param(), reason)),
  );
  v10.post("/channels/:channelId/invites", (c) =>
    write(c, (fields, reason) =>
      createInvite(world, c.req.param("channelId"), fields, { reason, clock }),
    ),
  );
  v10.post("/channels/:channelId/messages", (c) =>
    write(c, (fields) => createMessage(world, c.req.param("channelId"), fields, { clock, newId })),
  );

  for (const path of OWN_APPLICATION_PATHS) {
    v10.get(path, (c) => c.json(applicationObject(ports)));
  }
  for (const path of COMMAND_PATHS) {
    v10.get(path, (c) => reply(c, listCommands(world, c.req.param())));
    v10.put(path, async (c) => {
      const body = await readJson(c);
      return reply(c, body.ok ? replaceCommands(world, c.req.param(), body.value, newId) : body);
    });
  }
  v10.post("/oauth2/token", (c) => exchangeCode(c, ports));
  v10.post("/oauth2/token/revoke", (c) => revokeToken(c, ports));

  routes.register(api.routes);
  v10.all("/*", (c) => {
    const known = routes.isPath(c.req.path);
    return refuse(c, known ? FAILURES.methodNotAllowed : FAILURES.notFound);
  });
  api.all("/*", (c) => refuse(c, FAILURES.invalidVersion));
  return api;
}

async function write(c: RestContext, work: Work, status: 200 | 201 = 200): Promise<Response> {
  const fields = await readFields(c);
  if (!fields.ok) return refuse(c, fields.error);
  const reason = readReason(c);
  return reply(c, reason.ok ? work(fields.value, reason.value) : reason, status);
}

/** Answers on the address under which the caller found us. */
function gatewayUrl(c: RestContext): string {
  return `ws://${c.req.header("host") ?? "127.0.0.1"}`;
}
