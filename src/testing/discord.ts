import { z } from "zod";

/** A fault of the next matching call. `lost`: the connection breaks. */
export type DiscordFault = {
  readonly on?: { readonly method: string; readonly path?: RegExp };
  readonly status: number | "lost";
  readonly code?: number;
  readonly headers?: Readonly<Record<string, string>>;
  /** Seconds, of a 429. */
  readonly retryAfter?: number;
  /** The call takes effect before it fails. */
  readonly afterEffect?: boolean;
};

/** A call that arrived. */
export type DiscordRecord = {
  readonly method: string;
  readonly path: string;
  readonly body: unknown;
  readonly reason: string | null;
  readonly headers: Headers;
};

/** A permission overwrite in Discord's format. */
const FakeOverwrite = z.object({
  id: z.string(),
  type: z.number(),
  allow: z.string(),
  deny: z.string(),
});

/** A channel as it was created. */
export type FakeChannel = {
  readonly name: string;
  readonly reason: string;
  /** 2 is a voice channel. */
  readonly type: number;
  readonly parentId: string | null;
  readonly overwrites: readonly z.output<typeof FakeOverwrite>[];
};

/** A message that the bot wrote: into a channel, or to one user. */
export type FakeMessage = {
  readonly channelId: string;
  readonly toUserId: string | null;
  /** As the bot sent it. */
  readonly body: unknown;
};

const NewChannel = z.object({
  name: z.string(),
  type: z.number().default(2),
  parent_id: z.string().nullish(),
  permission_overwrites: z.array(FakeOverwrite).default([]),
});
const Moved = z.object({ channel_id: z.string().nullable() });
const Recipient = z.object({ recipient_id: z.string() });

/** Shared by all fakes, because Discord never gives an id twice. */
let lastId = 900_000_000_000_000_000n;

function nextId(): string {
  lastId += 1n;
  return lastId.toString();
}

function refusal(status: number, code: number, message: string, errors?: unknown): Response {
  return Response.json({ code, message, ...(errors === undefined ? {} : { errors }) }, { status });
}

const CATEGORY_FULL = {
  parent_id: { _errors: [{ code: "CHANNEL_PARENT_MAX_CHANNELS", message: "Category is full" }] },
};

/** The part of Discord's REST API that the Worker calls, with faults on request. It has one guild. */
export class FakeDiscord {
  readonly channels = new Map<string, FakeChannel>();
  readonly calls: DiscordRecord[] = [];
  /** Users in voice: user to channel. */
  readonly voice = new Map<string, string>();
  /** Members of the guild; null: every user is a member. */
  members: Set<string> | null = null;
  readonly messages: FakeMessage[] = [];
  /** Users who accept no direct messages. */
  readonly closedTo = new Set<string>();
  /** Limits of channels in the guild, and in each category. */
  guildMax = 500;
  categoryMax = 50;
  /** Direct channels: channel to user. */
  readonly #direct = new Map<string, string>();
  #faults: DiscordFault[] = [];

  /** Adds faults. Each one makes one matching call fail. */
  fail(...faults: readonly DiscordFault[]): void {
    this.#faults.push(...faults);
  }

  /** Calls of one method, newest last. */
  callsOf(method: string): DiscordRecord[] {
    return this.calls.filter((call) => call.method === method);
  }

  /** Creates a channel, as a user in Discord would. */
  addChannel(
    name: string,
    reason = "",
    { id = nextId(), ...more }: Partial<FakeChannel> & { readonly id?: string } = {},
  ): string {
    this.channels.set(id, { name, reason, type: 2, parentId: null, overwrites: [], ...more });
    return id;
  }

  /** Names of all channels, sorted. */
  get channelNames(): string[] {
    return [...this.channels.values()].map(({ name }) => name).toSorted();
  }

  /** Answers a request to the API. */
  async answer(request: Request): Promise<Response> {
    const path = new URL(request.url).pathname.replace("/api/v10", "");
    const text = await request.text();
    const reason = request.headers.get("X-Audit-Log-Reason");
    const call = {
      method: request.method,
      path,
      body: text === "" ? undefined : (JSON.parse(text) as unknown),
      reason: reason === null ? null : decodeURIComponent(reason),
      headers: request.headers,
    };
    this.calls.push(call);
    const fault = this.#faults.find(
      ({ on }) => on === undefined || (on.method === call.method && (on.path?.test(path) ?? true)),
    );
    if (fault === undefined) return this.#act(call);
    this.#faults = this.#faults.filter((other) => other !== fault);
    if (fault.afterEffect === true) this.#act(call);
    if (fault.status === "lost") throw new TypeError("connection lost");
    return Response.json(
      {
        code: fault.code ?? 0,
        message: "Made to fail",
        ...(fault.retryAfter === undefined ? {} : { retry_after: fault.retryAfter }),
      },
      { status: fault.status, headers: { "X-Secret-Of-Discord": "1", ...fault.headers } },
    );
  }

  #act(call: DiscordRecord): Response {
    const [, top] = call.path.split("/");
    if (top === "guilds") return this.#actOnGuild(call);
    if (top === "channels") return this.#actOnChannel(call);
    if (call.path === "/users/@me") return Response.json({ id: "42" });
    if (call.path !== "/users/@me/channels") return refusal(404, 0, "404: Not Found");
    const { recipient_id: userId } = Recipient.parse(call.body);
    const id = nextId();
    this.#direct.set(id, userId);
    return Response.json({ id, type: 1 });
  }

  #actOnGuild({ method, path, body, reason }: DiscordRecord): Response {
    const [, , , below, userId = ""] = path.split("/");
    switch (`${method} ${below}`) {
      case "POST channels":
        return this.#create(NewChannel.parse(body), reason ?? "");
      case "GET channels":
        return Response.json([...this.channels].map(toObject));
      case "GET audit-logs":
        return Response.json({
          audit_log_entries: [...this.channels].map(([target_id, one]) => ({
            target_id,
            reason: one.reason,
          })),
        });
      case "GET members":
        return this.members?.has(userId) === false
          ? refusal(404, 10_007, "Unknown Member")
          : Response.json({ user: { id: userId } });
      case "PATCH members":
        return this.#move(userId, Moved.parse(body).channel_id);
      default:
        return refusal(404, 0, "404: Not Found");
    }
  }

  #create(wanted: z.output<typeof NewChannel>, reason: string): Response {
    const { name, type, parent_id: parentId = null, permission_overwrites: overwrites } = wanted;
    if (this.channels.size >= this.guildMax) {
      return refusal(400, 30_013, "Maximum number of server channels reached (500)");
    }
    const inside = [...this.channels.values()].filter((one) => one.parentId === parentId);
    if (parentId !== null && inside.length >= this.categoryMax) {
      return refusal(400, 50_035, "Invalid Form Body", CATEGORY_FULL);
    }
    const id = this.addChannel(name, reason, { type, parentId, overwrites });
    return Response.json({ id, name, type }, { status: 201 });
  }

  #move(userId: string, channelId: string | null): Response {
    if (this.members?.has(userId) === false) return refusal(404, 10_007, "Unknown Member");
    if (!this.voice.has(userId)) {
      return refusal(400, 40_032, "Target user is not connected to voice.");
    }
    if (channelId === null) this.voice.delete(userId);
    else if (this.channels.has(channelId)) this.voice.set(userId, channelId);
    else return refusal(404, 10_003, "Unknown Channel");
    return Response.json({ user: { id: userId } });
  }

  #actOnChannel({ method, path, body }: DiscordRecord): Response {
    const [, , id = "", below = "", overwriteId = ""] = path.split("/");
    const toUserId = this.#direct.get(id) ?? null;
    const channel = this.channels.get(id);
    if (method === "POST" && below === "messages" && (channel ?? toUserId) !== null) {
      if (toUserId !== null && this.closedTo.has(toUserId)) {
        return refusal(403, 50_007, "Cannot send messages to this user");
      }
      this.messages.push({ channelId: id, toUserId, body });
      return Response.json({ id: nextId(), channel_id: id });
    }
    if (channel === undefined) return refusal(404, 10_003, "Unknown Channel");
    switch (`${method} ${below}`) {
      case "POST invites":
        return Response.json({ code: "abcDEF", expires_at: "2030-01-01T00:00:00+00:00" });
      case "PUT permissions":
        return this.#setOverwrite(
          id,
          channel,
          FakeOverwrite.parse({ ...asFields(body), id: overwriteId }),
        );
      case "DELETE permissions":
        return this.#removeOverwrite(id, channel, overwriteId);
      case "DELETE ":
        this.channels.delete(id);
        for (const [userId, where] of this.voice) if (where === id) this.voice.delete(userId);
    }
    return Response.json(toObject([id, channel]));
  }

  #setOverwrite(
    id: string,
    channel: FakeChannel,
    overwrite: FakeChannel["overwrites"][number],
  ): Response {
    const others = channel.overwrites.filter((one) => one.id !== overwrite.id);
    this.channels.set(id, { ...channel, overwrites: [...others, overwrite] });
    return new Response(null, { status: 204 });
  }

  #removeOverwrite(id: string, channel: FakeChannel, overwriteId: string): Response {
    const overwrites = channel.overwrites.filter((one) => one.id !== overwriteId);
    if (overwrites.length === channel.overwrites.length) {
      return refusal(404, 10_009, "Unknown Overwrite");
    }
    this.channels.set(id, { ...channel, overwrites });
    return new Response(null, { status: 204 });
  }
}

function toObject([id, channel]: readonly [string, FakeChannel]): unknown {
  const { name, type, parentId, overwrites } = channel;
  return { id, name, type, parent_id: parentId, permission_overwrites: overwrites };
}

function asFields(body: unknown): object {
  return typeof body === "object" && body !== null ? body : {};
}
