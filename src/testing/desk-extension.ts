import { z } from "zod";
import type { HubExtension, SocketExtension } from "../hub/extension.ts";

const Named = z.object({ method: z.string() });
const Called = Named.extend({ params: z.unknown(), timeoutMs: z.number().optional() });
const Role = z.object({
  sub: z.string(),
  role: z.string().nullable(),
  quietly: z.boolean().default(false),
});

/** How long a target may take, milliseconds. */
export const DESK_TIMEOUT_MS = 30_000;

/**
 * A small area that uses everything that an extension can do with clients: they register methods and call each
 * other's, it publishes who is at the desk, and gives roles that no token has.
 */
export const desk: HubExtension = {
  name: "desk",
  migrate(sql) {
    sql.exec(`
      CREATE TABLE IF NOT EXISTS desk_methods (method TEXT PRIMARY KEY, connection TEXT NOT NULL) WITHOUT ROWID;
      CREATE TABLE IF NOT EXISTS desk_roles (sub TEXT PRIMARY KEY, role TEXT NOT NULL) WITHOUT ROWID;
    `);
    return false;
  },
  commands: [
    {
      name: "desk.role",
      run: (hub, input) => {
        const { sub, role, quietly } = Role.parse(input);
        hub.turn((turn) => {
          const tell = (event: string): void => {
            if (!quietly)
              turn.publish({ event, payload: {}, audience: ["role:clerk"], topic: null });
          };
          // The first event is for the role before, the second one for the role after.
          tell("desk.before");
          if (role === null) turn.sql.exec("DELETE FROM desk_roles WHERE sub = ?", sub);
          else turn.sql.exec("INSERT OR REPLACE INTO desk_roles VALUES (?, ?)", sub, role);
          turn.sockets.regrant({ grant: `sub:${sub}` }, role === null ? [] : [`role:${role}`]);
          tell("desk.after");
        });
      },
    },
    {
      name: "desk.close",
      run: (hub, connection) =>
        hub.turn((turn) => turn.sockets.close({ connection: String(connection) }, "forbidden")),
    },
  ],
  snapshot: (hub) => ({ clients: hub.sockets.of({ all: true }).length }),
  sockets: {
    takes: (name) => name.startsWith("desk."),
    grantsOf: (hub, { sub }) =>
      hub.sql
        .exec<{ role: string }>("SELECT role FROM desk_roles WHERE sub = ?", sub)
        .toArray()
        .map(({ role }) => `role:${role}`),
    onOpen: (hub, { sub, scope }) => {
      hub.publish({ event: "desk.came", payload: { sub, scope }, audience: null, topic: null });
    },
    onClose: (hub, { connectionId, sub }, code) => {
      hub.sql.exec("DELETE FROM desk_methods WHERE connection = ?", connectionId);
      hub.publish({ event: "desk.left", payload: { sub, code }, audience: null, topic: null });
    },
    onMessage(hub, client, { name, data }) {
      switch (name) {
        case "desk.echo":
          return { data };
        case "desk.fail":
          hub.publish({ event: "desk.came", payload: {}, audience: null, topic: null });
          throw new Error("this message fails");
        case "desk.shout":
          hub.publish({ event: "desk.shouted", payload: { data }, audience: null, topic: null });
          hub.sockets.send({ all: true, except: client.connectionId }, "shouted", data);
          return { data: "done" };
        case "desk.register": {
          const { method } = Named.parse(data);
          hub.sql.exec(
            "INSERT OR REPLACE INTO desk_methods VALUES (?, ?)",
            method,
            client.connectionId,
          );
          return { data: true };
        }
        case "desk.call": {
          const { method, params, timeoutMs = DESK_TIMEOUT_MS } = Called.parse(data);
          const [row] = hub.sql
            .exec<{ connection: string }>(
              "SELECT connection FROM desk_methods WHERE method = ?",
              method,
            )
            .toArray();
          const to = row?.connection ?? "nobody";
          return { call: { to, name: method, data: params, timeoutMs } };
        }
        default:
          return null;
      }
    },
    callFailed: (why) => ({ failed: why }),
  },
};

/** The desk with other ears. */
export function deskWith(change: Partial<SocketExtension>): HubExtension {
  if (desk.sockets === undefined) throw new Error("the desk hears no sockets");
  return { ...desk, sockets: { ...desk.sockets, ...change } };
}

/** The events of {@link desk}. */
export const DESK_EVENTS: ReadonlySet<string> = new Set([
  "desk.came",
  "desk.left",
  "desk.shouted",
  "desk.before",
  "desk.after",
]);

/** A token whose check fails by a fault of our own. */
export const FAULTY_TOKEN = "faulty";
