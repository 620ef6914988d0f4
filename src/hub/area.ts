import type { OpenAPIHono } from "@hono/zod-openapi";
import type { SlashCommand } from "../platform/discord/interactions/slash-command.ts";
import type { AppEnv, HttpArea } from "../platform/http/app-env.ts";
import type { AreaConfig } from "../platform/variables.ts";
import type { EventDefinition } from "../protocol/events/define-event.ts";
import type { HubEnv } from "./env.ts";
import type { HubExtension } from "./extension.ts";

/** What an area contributes (ARCHITECTURE.md §4). `src/features.ts` lists them. */
export type Area = HttpArea & {
  /** Its variables. Absent: areas with the same kind of hub build on this area, and it runs with them. */
  readonly config?: AreaConfig;
  /** The kinds of hubs that it uses. */
  readonly hubs: readonly "guild"[];
  /** Adds its routes. @param areas all areas that run, including this one */
  readonly mount: (app: OpenAPIHono<AppEnv>, areas: readonly Area[]) => void;
  /** Its events of the guild stream, for AsyncAPI. */
  readonly events: readonly EventDefinition[];
  /** What it keeps inside a guild's hub. */
  readonly extension?: HubExtension;
  /** Its slash commands: `POST /interactions` finds them by name. */
  readonly slashCommands?: readonly SlashCommand[];
  /** Runs once an hour. Idempotent. */
  readonly hourly?: (env: HubEnv) => Promise<void>;
  /** Its part of `/ready`: facts, and whether it can work. */
  readonly check?: (
    env: HubEnv,
  ) => Promise<{ readonly ready: boolean; readonly facts: Record<string, unknown> }>;
};
