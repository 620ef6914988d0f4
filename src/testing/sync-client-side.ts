import { HAPPY_SOCKET_IO_DIALECT } from "../features/sync/dialects/happy-socket-io.ts";
import { NATIVE_DIALECT } from "../features/sync/dialects/native.ts";
import { USER_HUBS } from "../features/sync/env.ts";
import { scopeFrom } from "../features/sync/scope.ts";
import { userKind } from "../features/sync/user-kind.ts";
import { SOCKET_IO_MARKS } from "../hub/dialects/socket-io.ts";
import { err } from "../platform/result.ts";
import type { ClientSide, Heard } from "./client-side.ts";

/** The hubs of accounts. No token lets anybody in: clients are handed over as the Worker has let them in. */
export const USER_KIND = userKind(USER_HUBS, async () => err("invalid"));

/** A client for the whole account. */
const SCOPE = scopeFrom(undefined, 0);

/** Every event comes under this name, with its own inside. */
const UPDATE = "update";

type Update = {
  readonly id: string;
  readonly seq: number;
  readonly body: Record<string, unknown>;
};
type Failure = { readonly code?: string | number; readonly message?: string };

/** What native clients are told of an unreadable frame, and the engine's code of it. */
const UNREADABLE: Readonly<Record<string, string>> = {
  "Invalid JSON message": "not_json",
  "Invalid message format": "invalid_frame",
  "Already authenticated": "already_authenticated",
};

/** The client's side of sync's native dialect. A client without the Worker in between shows by pings what it has. */
export const SYNC_CLIENT: ClientSide = {
  dialect: NATIVE_DIALECT,
  eventName: UPDATE,
  scope: SCOPE,
  say: {
    authenticate: (token) => JSON.stringify({ event: "auth", data: { token } }),
    nonsense: () => "[]",
  },
  hear(text): Heard[] {
    const { event, data } = JSON.parse(text) as { readonly event: string; readonly data: unknown };
    switch (event) {
      case "connected":
        return [{ what: "opened" }];
      case UPDATE:
        return [updateOf(data as Update)];
      case "error":
        return [{ what: "refused", code: UNREADABLE[(data as Failure).message ?? ""] ?? "" }];
      case "auth-error":
        return [{ what: "refused", code: "invalid_token" }];
      default:
        return [];
    }
  },
};

/** The client's side of Socket.IO as Happy speaks it, with what the Worker says for it. */
export const HAPPY_CLIENT: ClientSide = {
  dialect: HAPPY_SOCKET_IO_DIALECT,
  eventName: UPDATE,
  scope: SCOPE,
  say: {
    authenticate: (token) => `0${JSON.stringify({ token })}`,
    nonsense: () => "1",
  },
  hear(text): Heard[] {
    if (text.startsWith(SOCKET_IO_MARKS.opened)) return [{ what: "opened" }];
    const [name, data] = JSON.parse(text.slice(1)) as readonly [string, unknown];
    if (name === UPDATE) return [updateOf(data as Update)];
    return name === "error"
      ? [{ what: "refused", code: String((data as Failure).code ?? "") }]
      : [];
  },
};

function updateOf({ id, seq, body }: Update): Heard {
  return { what: "event", number: seq, id, event: UPDATE, payload: body };
}
