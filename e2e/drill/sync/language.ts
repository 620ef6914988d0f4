import type { DeviceScope } from "./history.ts";

/** How a device connects: three ways of the native dialect, and Socket.IO as the published clients speak it. */
export type DeviceEntry = "ticket" | "header" | "auth" | "socket-io";

/** What a device was sent, whatever its language. */
export type DeviceHeard =
  | { readonly what: "greeted" | "opened" }
  | { readonly what: "event"; readonly name: string; readonly data: unknown }
  | { readonly what: "answer"; readonly ack: string; readonly data: unknown }
  | { readonly what: "call"; readonly id: string; readonly data: unknown }
  /** The server asks whether the device lives, and gets `reply`. */
  | { readonly what: "ping"; readonly reply: string };

/** What a device says of itself. */
export function aboutOf(scope: DeviceScope): Record<string, string> {
  const { type: clientType } = scope;
  switch (scope.type) {
    case "user-scoped":
      return { clientType };
    case "session-scoped":
      return { clientType, sessionId: scope.id };
    case "machine-scoped":
      return { clientType, machineId: scope.id };
  }
}

/** The texts that a device sends, and how it reads those of the server. */
export type DeviceLanguage = {
  /** The first text of a connection; null: none. */
  readonly hello: (token: string, scope: DeviceScope) => string | null;
  /** @param ack the name under which an answer is awaited; absent: none is */
  readonly event: (name: string, data: unknown, ack?: number) => string;
  readonly answer: (id: string, data: unknown) => string;
  readonly ping: string | null;
  /** @returns null: nothing that matters here */
  readonly hear: (text: string) => DeviceHeard | null;
};

const native: DeviceLanguage = {
  hello: () => null,
  event: (event, data, ack) =>
    JSON.stringify({ event, data, ...(ack === undefined ? {} : { ackId: String(ack) }) }),
  answer: (ackId, ack) => JSON.stringify({ event: "rpc-response", ackId, ack }),
  ping: '{"event":"ping"}',
  hear: (text) => {
    const frame = JSON.parse(text) as {
      readonly event: string;
      readonly data?: unknown;
      readonly ackId?: string;
      readonly ack?: unknown;
    };
    const { event: name, data, ackId = "", ack } = frame;
    if (name === "connected") return { what: "opened" };
    if (name === "ack") return { what: "answer", ack: ackId, data: ack };
    if (name === "rpc-request") return { what: "call", id: ackId, data };
    return { what: "event", name, data };
  },
};

/** Types of Engine.IO's and Socket.IO's packets, as they begin a text. */
const PACKET = /^(4\d|\d)(\d*)(.*)$/s;

const socketIo: DeviceLanguage = {
  hello: () => null,
  event: (name, data, ack) => `42${ack ?? ""}${JSON.stringify([name, data])}`,
  answer: (id, data) => `43${id}${JSON.stringify([data])}`,
  // The server asks.
  ping: null,
  hear: (text) => {
    const [, kind = "", id = "", json = ""] = PACKET.exec(text) ?? [];
    switch (kind) {
      case "0":
        return { what: "greeted" };
      case "2":
        return { what: "ping", reply: "3" };
      case "40":
        return { what: "opened" };
      case "42": {
        const [name, data] = JSON.parse(json) as [string, unknown];
        return id === "" ? { what: "event", name, data } : { what: "call", id, data };
      }
      case "43":
        return { what: "answer", ack: id, data: (JSON.parse(json) as unknown[])[0] };
      default:
        return null;
    }
  },
};

/** The language of devices that connect in a way. */
export function languageOf(entry: DeviceEntry): DeviceLanguage {
  switch (entry) {
    case "socket-io":
      return {
        ...socketIo,
        hello: (token, scope) => `40${JSON.stringify({ token, ...aboutOf(scope) })}`,
      };
    case "auth":
      return {
        ...native,
        hello: (token, scope) => native.event("auth", { token, ...aboutOf(scope) }),
      };
    case "ticket":
    case "header":
      return native;
  }
}
