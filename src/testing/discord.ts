/** What happens to the next matching call. `lost`: the connection breaks. */
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

type FakeChannel = { readonly name: string; readonly reason: string };

/** Discord gives an id once, also to different fakes. */
let lastId = 900_000_000_000_000_000n;

/** The part of Discord's REST API that the Worker calls, with faults on request. */
export class FakeDiscord {
  readonly channels = new Map<string, FakeChannel>();
  readonly calls: DiscordRecord[] = [];
  #faults: DiscordFault[] = [];

  /** The next calls that match fail like this, one each. */
  fail(...faults: readonly DiscordFault[]): void {
    this.#faults.push(...faults);
  }

  /** Calls of one method, newest last. */
  callsOf(method: string): DiscordRecord[] {
    return this.calls.filter((call) => call.method === method);
  }

  /** Makes a channel as somebody in Discord would. */
  addChannel(name: string, reason = ""): string {
    lastId += 1n;
    const id = lastId.toString();
    this.channels.set(id, { name, reason });
    return id;
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

  #act({ method, path, body, reason }: DiscordRecord): Response {
    const [, top, id = "", below] = path.split("/");
    const channel = this.channels.get(id);
    if (method === "GET" && path === "/users/@me") return Response.json({ id: "42" });
    if (top === "guilds" && method === "POST" && below === "channels") {
      const name =
        typeof body === "object" && body !== null && "name" in body ? String(body.name) : "";
      return Response.json(
        { id: this.addChannel(name, reason ?? ""), name, type: 2 },
        { status: 201 },
      );
    }
    if (top === "guilds" && method === "GET" && below === "audit-logs") {
      return Response.json({
        audit_log_entries: [...this.channels].map(([target_id, one]) => ({
          target_id,
          reason: one.reason,
        })),
      });
    }
    if (top === "channels" && channel === undefined) {
      return Response.json({ code: 10_003, message: "Unknown Channel" }, { status: 404 });
    }
    if (top === "channels" && method === "POST" && below === "invites") {
      return Response.json({ code: "abcDEF", expires_at: "2030-01-01T00:00:00+00:00" });
    }
    if (top === "channels" && method === "DELETE") this.channels.delete(id);
    if (top === "channels") return Response.json({ id, name: channel?.name, type: 2 });
    return Response.json({ code: 0, message: "404: Not Found" }, { status: 404 });
  }
}
