import type { OpenAPIHono } from "@hono/zod-openapi";
import type { SlashCommand } from "../platform/discord/interactions/slash-command.ts";
import type { Channel } from "../platform/asyncapi.ts";
import type { AppEnv, HttpArea } from "../platform/http/app-env.ts";
import type { AreaConfig } from "../platform/variables.ts";
import type { EventDefinition } from "../protocol/events/define-event.ts";
import type { Offered } from "./edge/accept.ts";
import type { HubEnv } from "./env.ts";
import type { HubExtension } from "./extension.ts";

/** What an area contributes (ARCHITECTURE.md §4). `src/features.ts` lists them. */
export type Area = HttpArea & {
  /** Its variables. Absent: areas with the same kind of hub build on this area, and it runs with them. */
  readonly config?: AreaConfig;
  /** Names of the kinds of hubs that it uses. */
  readonly hubs: readonly string[];
  /** Adds its routes. @param areas all areas that run, including this one */
  readonly mount: (app: OpenAPIHono<AppEnv>, areas: readonly Area[]) => void;
  /** The events that it publishes on the stream of its hubs. Their payloads are checked. */
  readonly events: readonly EventDefinition[];
  /** Names of further events, which only its own dialects carry. Its channels describe them. */
  readonly plainEvents?: readonly string[];
  /**
   * Where its clients connect, for AsyncAPI. Absent: the channels of another area carry its events.
   * @param events those of all areas that run
   */
  readonly channels?: (events: readonly EventDefinition[]) => readonly Channel[];
  /** What it keeps inside hubs of these kinds. */
  readonly extension?: HubExtension;
  /** Its slash commands: `POST /interactions` finds them by name. */
  readonly slashCommands?: readonly SlashCommand[];
  /**
   * What its clients look for in the answers of `/` and `/health`: a text, and JSON that they have not asked for. Other
   * areas' probes expect `ok`, so JSON is given unasked only where nothing else runs.
   */
  readonly greeting?: string;
  /** What clients without a ticket may speak on `/ws`, beside the native dialect. */
  readonly bare?: readonly Offered[];
  /** Runs once an hour. Idempotent. */
  readonly hourly?: (env: HubEnv) => Promise<void>;
  /** Its part of `/ready`: facts, and whether it can work. */
  readonly check?: (
    env: HubEnv,
  ) => Promise<{ readonly ready: boolean; readonly facts: Record<string, unknown> }>;
};
