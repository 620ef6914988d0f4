import type { Area } from "../../hub/area.ts";
import { systemClock } from "../../platform/clock.ts";
import { pathsBelow } from "../../platform/http/areas.ts";
import { d1Pairings } from "./adapters/d1-pairings.ts";
import { syncChannels } from "./channels.ts";
import { syncVariables } from "./config.ts";
import { LOG_PATH, SYNC_DIALECT } from "./http-dialect.ts";
import { syncHubExtension } from "./hub-extension.ts";
import { UPDATE } from "./in-hub/updates.ts";
import { tellAllHubs } from "./outbox.ts";
import { mountAccessKeys } from "./routes/access-keys.ts";
import { mountAccount } from "./routes/account.ts";
import { mountAppSupport } from "./routes/app-support.ts";
import { mountArtifacts } from "./routes/artifacts.ts";
import { mountAuth } from "./routes/auth.ts";
import { mountFeed } from "./routes/feed.ts";
import { mountFriends } from "./routes/friends.ts";
import { mountKv } from "./routes/kv.ts";
import { mountMachines } from "./routes/machines.ts";
import { mountMessages } from "./routes/messages.ts";
import { mountSessions } from "./routes/sessions.ts";
import { mountSockets } from "./routes/sockets.ts";
import { mountTokens } from "./routes/tokens.ts";
import { mountUsage } from "./routes/usage.ts";
import { mountUsers } from "./routes/users.ts";
import { mountVoice } from "./routes/voice.ts";
import { portsOf } from "./wire.ts";

/** Encrypted sessions of coding agents, in step on all devices of an account (sync.md). */
export const sync: Area = {
  ...SYNC_DIALECT,
  name: "sync",
  owns: pathsBelow("/v1", "/v2", "/v3", LOG_PATH),
  // `HAPPY_SERVER_URL` may end with a slash.
  joinsLeadingSlashes: true,
  config: syncVariables,
  hubs: ["user"],
  tags: [{ name: "sync", description: "Sessions of coding agents, in step on all devices" }],
  events: [],
  plainEvents: [UPDATE],
  channels: syncChannels,
  extension: syncHubExtension,
  // The app accepts a server by this text (sync.md §3.1).
  greeting: "Welcome to Happy Server!",
  mount(app) {
    mountAuth(app);
    mountAccount(app);
    mountSessions(app);
    mountMessages(app);
    mountMachines(app);
    mountArtifacts(app);
    mountAccessKeys(app);
    mountKv(app);
    mountSockets(app);
    mountTokens(app);
    mountUsage(app);
    mountUsers(app);
    mountFriends(app);
    mountFeed(app);
    mountVoice(app);
    mountAppSupport(app);
  },
  async hourly(env) {
    await Promise.all([d1Pairings(env.DB).sweep(systemClock()), tellAllHubs(portsOf(env))]);
  },
};
