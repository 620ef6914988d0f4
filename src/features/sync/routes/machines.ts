import { createRoute, type OpenAPIHono, z } from "@hono/zod-openapi";
import type { AppEnv } from "../../../platform/http/app-env.ts";
import { jsonAnswer, jsonBody } from "../../../platform/openapi.ts";
import { pageLimit } from "../../../platform/pagination.ts";
import { SYNC_PAGE_DEFAULT, SYNC_PAGE_MAX } from "../../../protocol/limits.ts";
import { SYNC_COMMANDS } from "../hub-commands.ts";
import { ClientId, DataKey, Machine, OpaqueText } from "../records.ts";
import {
  ask,
  askExisting,
  CHANGE_FAILURES,
  CREATE_FAILURES,
  FOR_ACCOUNT,
  HappyHeaders,
  HasMore,
  isHappyClient,
  ITEM_FAILURES,
  LIST_FAILURES,
  Success,
} from "./in-account.ts";

const MACHINE_MISSING = "Machine not found";

const MachineParam = z.object({
  id: ClientId.openapi({ param: { name: "id", in: "path" } }),
});
const OneMachine = z.object({ machine: Machine });

const NewMachine = z.object({
  id: ClientId.regex(/^[\x21-\x7e]+$/, "must be printable ASCII"),
  metadata: OpaqueText,
  daemonState: OpaqueText.nullish(),
  dataEncryptionKey: DataKey.nullish(),
});

const createMachineRoute = createRoute({
  ...FOR_ACCOUNT,
  operationId: "sync.createMachine",
  method: "post",
  path: "/v1/machines",
  summary: "Register a machine, or find the one with this id",
  request: { body: jsonBody(NewMachine, { id: "laptop-1", metadata: "bWV0YWRhdGE=" }) },
  responses: {
    200: jsonAnswer("The machine; one that was there is unchanged", OneMachine),
    ...CREATE_FAILURES,
  },
});

const listRoute = createRoute({
  ...FOR_ACCOUNT,
  operationId: "sync.machines",
  method: "get",
  path: "/v1/machines",
  summary: "The machines of the account, the last heard of first",
  request: {
    headers: HappyHeaders,
    query: z.object({
      limit: pageLimit(SYNC_PAGE_MAX, SYNC_PAGE_DEFAULT),
      activeOnly: z
        .enum(["true", "false"])
        .optional()
        .openapi({ description: "`true`: only machines that are active now" }),
    }),
  },
  responses: {
    200: jsonAnswer(
      "The machines; for clients that send X-Happy-Client the list alone",
      z.union([z.object({ machines: z.array(Machine), hasMore: HasMore }), z.array(Machine)]),
    ),
    ...LIST_FAILURES,
  },
});

const getRoute = createRoute({
  ...FOR_ACCOUNT,
  operationId: "sync.machine",
  method: "get",
  path: "/v1/machines/{id}",
  summary: "One machine",
  request: { params: MachineParam },
  responses: {
    200: jsonAnswer("The machine", OneMachine),
    ...ITEM_FAILURES,
  },
});

const statusRoute = createRoute({
  ...FOR_ACCOUNT,
  operationId: "sync.changeMachine",
  method: "put",
  path: "/v1/machines/{id}/status",
  summary: "Change a machine, whatever its versions are",
  request: {
    params: MachineParam,
    body: jsonBody(
      z.object({
        active: z.boolean().optional(),
        metadata: OpaqueText.optional(),
        daemonState: OpaqueText.optional(),
      }),
      { active: true },
    ),
  },
  responses: {
    200: jsonAnswer("The machine", OneMachine),
    ...CHANGE_FAILURES,
  },
});

const deleteRoute = createRoute({
  ...FOR_ACCOUNT,
  operationId: "sync.deleteMachine",
  method: "delete",
  path: "/v1/machines/{id}",
  summary: "Delete a machine with its access keys, and close its connections",
  description: "Its sessions stay.",
  request: { params: MachineParam },
  responses: {
    200: jsonAnswer("It is deleted", Success),
    ...ITEM_FAILURES,
  },
});

/** The machines of an account (sync.md §3.4). */
export function mountMachines(app: OpenAPIHono<AppEnv>): void {
  app.openapi(createMachineRoute, async (c) => {
    const { daemonState = null, dataEncryptionKey = null, ...wanted } = c.req.valid("json");
    const input = { ...wanted, daemonState, dataEncryptionKey };
    const machine = await ask(c, SYNC_COMMANDS.createMachine, input);
    return machine.ok ? c.json({ machine: machine.value }, 200) : machine.error;
  });

  app.openapi(listRoute, async (c) => {
    const { limit, activeOnly } = c.req.valid("query");
    const input = { limit, activeOnly: activeOnly === "true" };
    const found = await ask(c, SYNC_COMMANDS.machines, input);
    if (!found.ok) return found.error;
    const { rows: machines, hasMore } = found.value;
    return c.json(isHappyClient(c) ? machines : { machines, hasMore }, 200);
  });

  app.openapi(getRoute, async (c) => {
    const machine = await askExisting(
      c,
      SYNC_COMMANDS.machine,
      c.req.valid("param"),
      MACHINE_MISSING,
    );
    if (!machine.ok) return machine.error;
    return c.json({ machine: machine.value }, 200);
  });

  app.openapi(statusRoute, async (c) => {
    const input = { ...c.req.valid("param"), ...c.req.valid("json") };
    const machine = await askExisting(c, SYNC_COMMANDS.changeMachine, input, MACHINE_MISSING);
    if (!machine.ok) return machine.error;
    return c.json({ machine: machine.value }, 200);
  });

  app.openapi(deleteRoute, async (c) => {
    const had = await askExisting(
      c,
      SYNC_COMMANDS.deleteMachine,
      c.req.valid("param"),
      MACHINE_MISSING,
    );
    return had.ok ? c.json({ success: true } as const, 200) : had.error;
  });
}
