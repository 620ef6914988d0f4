import { createRoute, type OpenAPIHono, z } from "@hono/zod-openapi";
import type { Context } from "hono";
import { systemClock } from "../../../platform/clock.ts";
import type { AppEnv } from "../../../platform/http/app-env.ts";
import { refuse } from "../../../platform/http/areas.ts";
import type { ProblemAnswer } from "../../../platform/http/problem.ts";
import { jsonAnswer, jsonBody } from "../../../platform/openapi.ts";
import { err, ok, type Result } from "../../../platform/result.ts";
import { SYNC_COMMANDS } from "../hub-commands.ts";
import { callerOf, failures, UNAUTHORIZED } from "../http-dialect.ts";
import { tellHubs } from "../outbox.ts";
import { AccountNames, OpaqueText, Profile } from "../records.ts";
import { portsOf } from "../wire.ts";
import { ask, CREATE_FAILURES, FOR_ACCOUNT } from "./in-account.ts";

const profileRoute = <Path extends string>(operationId: string, path: Path) =>
  createRoute({
    ...FOR_ACCOUNT,
    operationId,
    method: "get",
    path,
    summary: "The account, as its own clients see it",
    responses: { 200: jsonAnswer("The account", Profile), ...failures("unauthorized") },
  });

const changeRoute = createRoute({
  ...FOR_ACCOUNT,
  operationId: "sync.changeAccount",
  method: "put",
  path: "/v1/account",
  summary: "Change what the account's person is called",
  description: "Members that are left out stay as they are. Usernames are compared without case.",
  request: { body: jsonBody(AccountNames, { firstName: "Ada", lastName: null }) },
  responses: {
    200: jsonAnswer("The account", z.object({ success: z.literal(true), profile: Profile })),
    409: jsonAnswer(
      "Another account has the username",
      z.object({ success: z.literal(false), error: z.literal("username-taken") }),
    ),
    ...CREATE_FAILURES,
  },
});

const Settings = z.object({
  settings: z.string().nullable(),
  settingsVersion: z.number().int().min(0).openapi({ description: "0: there were never any" }),
});

const settingsRoute = <Path extends string>(operationId: string, path: Path) =>
  createRoute({
    ...FOR_ACCOUNT,
    operationId,
    method: "get",
    path,
    summary: "The settings of the account's app, which only clients can read",
    responses: { 200: jsonAnswer("The settings", Settings), ...failures("unauthorized") },
  });

const changeSettingsRoute = <Path extends string, Method extends "put" | "post">(
  operationId: string,
  method: Method,
  path: Path,
) =>
  createRoute({
    ...FOR_ACCOUNT,
    operationId,
    method,
    path,
    summary: "Replace the settings, if they still have the expected version",
    request: {
      body: jsonBody(
        z.object({
          settings: OpaqueText.nullable(),
          expectedVersion: z.number().int().min(0),
        }),
        { settings: "c2V0dGluZ3M=", expectedVersion: 0 },
      ),
    },
    responses: {
      200: jsonAnswer(
        "They are replaced, or they have another version",
        z.union([
          z.object({ success: z.literal(true), version: z.number().int() }),
          z.object({
            success: z.literal(false),
            error: z.literal("version-mismatch"),
            currentVersion: z.number().int(),
            currentSettings: z.string().nullable(),
          }),
        ]),
      ),
      ...CREATE_FAILURES,
    },
  });

/** The profile and the settings of an account (sync.md §3.8), also where the app looks for them. */
export function mountAccount(app: OpenAPIHono<AppEnv>): void {
  for (const route of [
    profileRoute("sync.account", "/v1/account"),
    profileRoute("sync.profile", "/v1/account/profile"),
  ]) {
    app.openapi(route, async (c) => {
      const profile = await profileFor(c);
      return profile.ok ? c.json(profile.value, 200) : profile.error;
    });
  }

  app.openapi(changeRoute, async (c) => {
    const { accounts, outbox, hubs } = portsOf(c.env);
    const caller = callerOf(c.get("principal"));
    const names = c.req.valid("json");
    if (Object.keys(names).length > 0) {
      const changed = await accounts.changeNames(caller, names, systemClock());
      if (!changed.ok && changed.error === "taken") {
        return c.json({ success: false, error: "username-taken" } as const, 409);
      }
      if (!changed.ok) return refused(c);
      await tellHubs({ outbox, hubs }, [caller.account]);
    }
    const profile = await profileFor(c);
    if (!profile.ok) return profile.error;
    return c.json({ success: true, profile: profile.value } as const, 200);
  });

  for (const route of [
    settingsRoute("sync.preferences", "/v1/account/preferences"),
    settingsRoute("sync.settings", "/v1/account/settings"),
  ]) {
    app.openapi(route, async (c) => {
      const found = await ask(c, SYNC_COMMANDS.settings, {});
      if (!found.ok) return found.error;
      const { value: settings, version: settingsVersion } = found.value;
      return c.json({ settings, settingsVersion }, 200);
    });
  }

  for (const route of [
    changeSettingsRoute("sync.changePreferences", "put", "/v1/account/preferences"),
    changeSettingsRoute("sync.changeSettings", "post", "/v1/account/settings"),
  ]) {
    app.openapi(route, async (c) => {
      const { settings: value, expectedVersion: expected } = c.req.valid("json");
      const changed = await ask(c, SYNC_COMMANDS.changeSettings, { value, expected });
      if (!changed.ok) return changed.error;
      const { result: error, version, value: currentSettings } = changed.value;
      if (error === "success") return c.json({ success: true, version } as const, 200);
      const current = { currentVersion: version, currentSettings };
      return c.json({ success: false, error, ...current } as const, 200);
    });
  }
}

/** The profile of the request's account. D1 has the names and GitHub, the hub the vendors. */
async function profileFor(c: Context<AppEnv>): Promise<Result<Profile, ProblemAnswer>> {
  const { accounts } = portsOf(c.env);
  const [stored, vendors] = await Promise.all([
    accounts.profile(callerOf(c.get("principal"))),
    ask(c, SYNC_COMMANDS.vendors, {}),
  ]);
  if (!vendors.ok) return vendors;
  if (stored === null) return err(refused(c));
  const timestamp = systemClock();
  return ok({ ...stored, timestamp, avatar: null, connectedServices: vendors.value });
}

function refused(c: Context<AppEnv>): ProblemAnswer {
  return refuse(c, UNAUTHORIZED);
}
