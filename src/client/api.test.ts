import { describe, expect, it, vi } from "vitest";
import { Api } from "./api.ts";
import { failed, type TokenSource } from "./outcome.ts";

type Seen = { readonly method: string; readonly url: string; readonly request: Request };

/** An Api that gets these answers in turn. Each request is kept. */
function apiOver(answers: readonly (Response | "no answer")[], tokens?: TokenSource) {
  const seen: Seen[] = [];
  const rest = [...answers];
  const api = new Api({
    baseUrl: "https://hub.test",
    tokens:
      tokens ?? ((stale) => Promise.resolve({ ok: true, value: stale === "t1" ? "t2" : "t1" })),
    fetch: (input: RequestInfo | URL, init?: RequestInit) => {
      const request = new Request(input, init);
      seen.push({ method: request.method, url: request.url, request });
      const answer = rest.shift();
      return answer === undefined || answer === "no answer"
        ? Promise.reject(new TypeError("Failed to fetch"))
        : Promise.resolve(answer);
    },
  });
  return { api, seen };
}

const created = { channelId: "c1", name: "Friday", guildId: "g1" };

describe("the REST calls", () => {
  it("opens a room with token, body and idempotency key", async () => {
    const { api, seen } = apiOver([Response.json(created)]);
    const outcome = await api.createRoom({ name: "Friday", userLimit: 2 }, "key-1");
    expect(outcome).toEqual({ ok: true, value: created });
    const request = seen[0]?.request;
    expect(request?.headers.get("authorization")).toBe("Bearer t1");
    expect(request?.headers.get("idempotency-key")).toBe("key-1");
    expect(await request?.json()).toEqual({ name: "Friday", userLimit: 2 });
  });

  it("calls the paths of the contract, ids escaped", async () => {
    const room = { ...created, createdBy: "a", createdAt: "x", userLimit: 4, private: false };
    const { api, seen } = apiOver([
      Response.json({ ok: true }),
      Response.json(room),
      Response.json({ url: "https://discord.gg/x", code: "x", expiresAt: null }, { status: 201 }),
    ]);
    expect((await api.endRoom("a/b")).ok).toBe(true);
    expect((await api.room("c1")).ok).toBe(true);
    expect((await api.invite("c1")).ok).toBe(true);
    expect(seen.map(({ method, url }) => `${method} ${url}`)).toEqual([
      "DELETE https://hub.test/end-room/a%2Fb",
      "GET https://hub.test/rooms/c1",
      "POST https://hub.test/rooms/c1/invite",
    ]);
  });

  it("reads matches of the given guild, from the given cursor", async () => {
    const match = { matchId: "1-m", state: "live", createdAt: "x", factions: {} };
    const page = { matches: [match], nextCursor: "5.1-m" };
    const answers = [page, page, match, match, { matches: [{}] }, { ...match, factions: null }];
    const { api, seen } = apiOver(answers.map((answer) => Response.json(answer)));
    expect(await api.matches()).toEqual({ ok: true, value: page });
    await api.matches({ guildId: "g2", state: "ended", cursor: "5.1-m", limit: 9 });
    expect(await api.match("1-m")).toEqual({ ok: true, value: match });
    await api.match("a/b", "g2");
    expect(seen.map(({ method, url }) => `${method} ${url}`)).toEqual([
      "GET https://hub.test/matches?",
      "GET https://hub.test/matches?guildId=g2&state=ended&cursor=5.1-m&limit=9",
      "GET https://hub.test/matches/1-m?",
      "GET https://hub.test/matches/a%2Fb?guildId=g2",
    ]);
    expect((await api.matches()).ok).toBe(false);
    expect((await api.match("1-m")).ok).toBe(false);
  });

  it("reads past events of the given guild, and reports a position that the journal does not have", async () => {
    const payload = { channelId: "c1", guildId: "g1" };
    const deleted = { event: "room.deleted", payload, ts: 5, seq: 8, id: "e8", prev: 6 };
    const later = { event: "song.started", payload: {}, ts: 6, seq: 9, id: "e9" };
    const answer = { v: 1, epoch: "e", seq: 9, events: [deleted, later], more: true };
    const { api, seen } = apiOver([
      Response.json(answer),
      Response.json({ url: "wss://hub.test/ws?ticket=t%2F1" }, { status: 201 }),
      Response.json({
        ...answer,
        events: [],
        more: false,
        reset: { reason: "too_old", oldest: 7 },
      }),
      Response.json({ ...answer, events: [{}] }),
      Response.json({ ...answer, events: [], reset: { reason: "too_old" } }),
    ]);
    expect(await api.pastEvents({ epoch: "e", after: 7 })).toEqual({
      ok: true,
      value: {
        seq: 9,
        more: true,
        reset: false,
        oldest: null,
        events: [
          { ...deleted, type: "event" },
          { ...later, type: "other" },
        ],
      },
    });
    const past = await api.pastEvents({ epoch: "e", after: 0 }, "g2");
    expect(past).toMatchObject({ ok: true, value: { reset: true, oldest: 7, events: [] } });
    expect(seen.map(({ url }) => url)).toEqual([
      "https://hub.test/events?epoch=e&after=7&wait=0",
      "https://hub.test/ws/ticket",
      "https://hub.test/events?epoch=e&after=0&wait=0&ticket=t%2F1",
    ]);
    expect(seen[0]?.request.headers.get("accept")).toBe("application/json");
    expect((await api.pastEvents({ epoch: "e", after: 7 })).ok).toBe(false);
    const older = await api.pastEvents({ epoch: "e", after: 0 });
    expect(older).toMatchObject({ ok: true, value: { reset: true, oldest: null } });
  });

  it("finds people by name", async () => {
    const found = { people: [{ userId: "u1", name: "Ada", avatarUrl: null }] };
    const { api, seen } = apiOver([Response.json(found), Response.json({ people: [{}] })]);
    expect(await api.people({ q: "a&b", limit: 5 })).toEqual({ ok: true, value: found });
    expect(seen[0]?.url).toBe("https://hub.test/people?q=a%26b&limit=5");
    expect((await api.people()).ok).toBe(false);
  });

  it("reads rooms of the given guild, from the given cursor", async () => {
    const room = {
      channelId: "c1",
      name: "Friday",
      userLimit: 4,
      private: false,
      createdBy: "alice",
      createdAt: "2026-01-01T00:00:00Z",
      members: [],
    };
    const page = { rooms: [room], nextCursor: "next" };
    const { api, seen } = apiOver([Response.json(page), Response.json({ rooms: [{}] })]);
    expect(await api.rooms({ guildId: "g1", state: "ended", cursor: "a b", limit: 2 })).toEqual({
      ok: true,
      value: page,
    });
    expect(seen[0]?.url).toBe("https://hub.test/rooms?guildId=g1&state=ended&cursor=a+b&limit=2");
    expect(await api.rooms()).toMatchObject({ ok: false, failure: { status: 502 } });
  });

  it("also names WEB_ORIGIN when a page of another origin gets no answer", async () => {
    vi.stubGlobal("location", { origin: "https://page.test" });
    const { api } = apiOver(["no answer"]);
    const outcome = await api.room("c1");
    vi.unstubAllGlobals();
    if (outcome.ok) throw new Error("the call got an answer");
    expect(outcome.failure.kind).toBe("unreachable");
    expect(outcome.failure.message).toContain("WEB_ORIGIN does not list https://page.test");
  });

  it("renews a refused token once and repeats the request", async () => {
    const { api, seen } = apiOver([new Response(null, { status: 401 }), Response.json(created)]);
    expect((await api.createRoom({}, "k")).ok).toBe(true);
    expect(seen.map(({ request }) => request.headers.get("authorization"))).toEqual([
      "Bearer t1",
      "Bearer t2",
    ]);
    expect(await seen[1]?.request.json()).toEqual({});
  });

  it("renews a token only once: the second 401 is the answer", async () => {
    const refused = () => Response.json({ message: "No." }, { status: 401 });
    const { api, seen } = apiOver([refused(), refused(), refused()]);
    expect(await api.createRoom({}, "k")).toMatchObject({
      ok: false,
      failure: { kind: "signed-out", message: "No." },
    });
    expect(seen).toHaveLength(2);
  });

  it("sends no request without a token", async () => {
    const signedOut = failed({ kind: "signed-out", message: "Sign in first." });
    const { api, seen } = apiOver([], () => Promise.resolve(signedOut));
    expect(await api.room("c1")).toEqual(signedOut);
    expect(seen).toHaveLength(0);
  });

  it("reports that no answer came", async () => {
    const { api } = apiOver(["no answer"]);
    expect(await api.endRoom("c1")).toMatchObject({ ok: false, failure: { kind: "unreachable" } });
  });

  it("does not accept every 200 as a success", async () => {
    const { api } = apiOver([new Response("<html>a captive portal</html>"), Response.json({})]);
    expect((await api.createRoom({}, "k")).ok).toBe(false);
    expect((await api.room("c1")).ok).toBe(false);
  });

  it("returns the token with the ticket, and uses another one when that is stale", async () => {
    const answers = [Response.json({ url: "wss://x" }), Response.json({ url: "wss://y" })];
    const { api, seen } = apiOver(answers);
    expect(await api.ticket()).toEqual({ ok: true, value: { url: "wss://x", token: "t1" } });
    expect(await api.ticket("g2", "t1")).toEqual({
      ok: true,
      value: { url: "wss://y", token: "t2" },
    });
    expect(await seen[0]?.request.json()).toEqual({});
    expect(await seen[1]?.request.json()).toEqual({ guildId: "g2" });
  });

  it("opens the stream over HTTP with its token, and with a ticket for another guild", async () => {
    const { api, seen } = apiOver([
      new Response("data: x\n\n"),
      Response.json({ url: "wss://hub.test/ws?ticket=a%2Fb" }),
      new Response("data: y\n\n"),
    ]);
    const query = () => new URLSearchParams({ epoch: "e", after: "3" });
    const { signal } = new AbortController();
    const stream = await api.events(query(), signal);
    expect(stream).toMatchObject({ ok: true, value: { token: "t1" } });
    expect((await api.events(query(), signal, "g2", "t1")).ok).toBe(true);
    expect(seen.map(({ method, url }) => `${method} ${url}`)).toEqual([
      "GET https://hub.test/events?epoch=e&after=3",
      "POST https://hub.test/ws/ticket",
      "GET https://hub.test/events?epoch=e&after=3&ticket=a%2Fb",
    ]);
    expect(seen[0]?.request.headers.get("accept")).toBe("text/event-stream");
    expect(seen[0]?.request.headers.get("authorization")).toBe("Bearer t1");
    expect(seen[2]?.request.headers.get("authorization")).toBe("Bearer t2");
  });

  it("reports why the stream over HTTP was refused", async () => {
    const busy = Response.json(
      { message: "Later." },
      { status: 429, headers: { "Retry-After": "7" } },
    );
    const { api } = apiOver([busy]);
    expect(await api.events(new URLSearchParams(), new AbortController().signal)).toMatchObject({
      failure: { kind: "busy", message: "Later.", retryAfterMs: 7_000 },
    });
  });
});
