import { Hono } from "hono";
import { fits } from "../../doubles/faults.ts";
import { exchangeCode, type OAuthRules, revokeToken } from "../../doubles/oauth2.ts";
import type { LocalApplication } from "../application.ts";
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
import { FAILURES } from "./failure.ts";
import type { Faults } from "../faults.ts";
import type { Gateway } from "../gateway/gateway.ts";
import { getAuditLog, getGuild, listRoles } from "./guilds.ts";
import { createInvite } from "./invites.ts";
import { getMember, getVoiceState, updateMember } from "./members.ts";
import { createMessage } from "./messages.ts";
import { RateLimits } from "./rate-limits.ts";
import { type CallLog, recordCalls, recordExchanges, type RestExchange } from "./recording.ts";
import {
  type Outcome,
  partsOf,
  readCall,
  readJson,
  refuse,
  reply,
  type RestBindings,
  type RestCall,
  type RestContext,
  type RestTools,
} from "./request.ts";
import { authenticate, checkClient, injectFaults, limit } from "./rules.ts";
import { applicationObject, getUser, openDirectChannel } from "./users.ts";

export interface RestPorts extends RestTools {
  readonly botToken: string;
  readonly application: LocalApplication;
  readonly oauth: OAuthRules;
  readonly faults: Faults;
  readonly calls: CallLog;
  readonly gateway: Gateway;
  /** The URL that gets slash commands; null: none. */
  readonly interactionsUrl: string | null;
  /** Gets every exchange; null: not recorded. */
  readonly onExchange: ((exchange: RestExchange) => void) | null;
}

type Answer = (call: RestCall) => Outcome;

/** Routes that need only the world for their answer. */
const ROUTES: readonly (readonly [method: string, path: string, Answer, status?: 201])[] = [
  ["POST", "/users/:userId/channels", openDirectChannel],
  ["GET", "/guilds/:guildId", getGuild],
  ["GET", "/guilds/:guildId/roles", listRoles],
  ["GET", "/guilds/:guildId/audit-logs", getAuditLog],
  ["GET", "/guilds/:guildId/channels", listChannels],
  ["POST", "/guilds/:guildId/channels", createChannel, 201],
  ["GET", "/guilds/:guildId/members/:userId", getMember],
  ["PATCH", "/guilds/:guildId/members/:userId", updateMember],
  ["GET", "/guilds/:guildId/voice-states/:userId", getVoiceState],
  ["GET", "/channels/:channelId", getChannel],
  ["PATCH", "/channels/:channelId", updateChannel],
  ["DELETE", "/channels/:channelId", deleteChannel],
  ["PUT", "/channels/:channelId/permissions/:overwriteId", putOverwrite],
  ["DELETE", "/channels/:channelId/permissions/:overwriteId", deleteOverwrite],
  ["POST", "/channels/:channelId/invites", createInvite],
  ["POST", "/channels/:channelId/messages", createMessage],
];

/** Two addresses of the same resource: the application as in the developer portal. */
const OWN_APPLICATION_PATHS = ["/applications/@me", "/oauth2/applications/@me"] as const;

/** The addresses of an application's commands: global ones, and those of one guild. */
const COMMAND_PATHS = [
  "/applications/:applicationId/commands",
  "/applications/:applicationId/guilds/:guildId/commands",
] as const;

/** The REST API v10, mounted at `/api`: the calls of a room service and its gateway client. */
export function createRestApi(ports: RestPorts): Hono<RestBindings> {
  const { world, botToken, oauth, faults } = ports;
  const api = new Hono<RestBindings>();
  const limits = new RateLimits(ports.clock);
  const rules = [
    ...(ports.onExchange === null ? [] : [recordExchanges(ports.onExchange)]),
    recordCalls(ports.calls),
    checkClient,
    injectFaults(faults, limits),
    authenticate(botToken, oauth.grants),
    limit(botToken, limits),
  ];
  for (const rule of rules) api.use("/v10/*", rule);

  const v10 = api.basePath("/v10");
  const answer = async (c: RestContext, work: Answer, status?: 201): Promise<Response> => {
    const call = await readCall(c, ports);
    return reply(c, call.ok ? work(call.value) : call, status);
  };
  for (const [method, path, work, status] of ROUTES) {
    v10.on(method, path, (c) => answer(c, work, status));
  }
  v10.get("/gateway", (c) => c.json({ url: gatewayUrl(c) }));
  v10.get("/gateway/bot", (c) => {
    const session_start_limit = ports.gateway.sessionStartLimit();
    return c.json({ url: gatewayUrl(c), shards: 1, session_start_limit });
  });
  // Some clients send %40me. Hono decodes a parameter, but not a fixed path.
  v10.get("/users/:userId", (c) => {
    const bearer = oauth.grants.ofBearer(c.req.header("authorization"));
    return answer(c, (call) => getUser(call, bearer?.subject ?? null));
  });
  for (const path of OWN_APPLICATION_PATHS) {
    v10.get(path, (c) =>
      c.json(
        applicationObject(world, ports.application, oauth.redirectUris, ports.interactionsUrl),
      ),
    );
  }
  for (const path of COMMAND_PATHS) {
    v10.get(path, (c) => answer(c, listCommands));
    v10.put(path, async (c) => {
      const body = await readJson(c);
      const scope = { ...ports, ...partsOf(c) };
      return reply(c, body.ok ? replaceCommands(scope, body.value) : body);
    });
  }
  v10.post("/oauth2/token", (c) => exchangeCode(c, oauth));
  v10.post("/oauth2/token/revoke", (c) => revokeToken(c, oauth));

  const paths = api.routes.filter(({ method }) => method !== "ALL").map(({ path }) => path);
  v10.all("/*", (c) => {
    const isKnown = paths.some((path) => fits(`/api${path}`, c.req.path));
    return refuse(c, isKnown ? FAILURES.methodNotAllowed : FAILURES.notFound);
  });
  api.all("/*", (c) => refuse(c, FAILURES.invalidVersion));
  return api;
}

/** The gateway's address, with the host that the caller used. */
function gatewayUrl(c: RestContext): string {
  return `ws://${c.req.header("host") ?? "127.0.0.1"}`;
}
