/**
 * The closed list of failures that the Worker answers as RFC 9457 problem documents, with HTTP status, title and
 * help. `/docs/errors` shows it (a problem's `type` links to its entry), and `npm run spec` writes
 * docs/errors.md from it.
 */
export const ERROR_CODES = {
  invalid_request: {
    status: 400,
    title: "The request is not valid",
    help: "A field of the body, the query or the path is missing or wrong. `errors` lists each with a JSON pointer. Correct the request: repeating it unchanged fails again.",
  },
  invalid_json: {
    status: 400,
    title: "The body is not JSON",
    help: "The body could not be parsed. Send one JSON object in UTF-8.",
  },
  invalid_idempotency_key: {
    status: 400,
    title: "The idempotency key is not valid",
    help: "`Idempotency-Key` (or `X-Idempotency-Key`) takes 1 to 255 characters. A UUID is a good choice.",
  },
  invalid_event: {
    status: 400,
    title: "The event is not valid",
    help: "The kind of a signed event is unknown, or its payload does not fit its kind. `/asyncapi.json` describes the payloads. Do not send the event again.",
  },
  unauthorized: {
    status: 401,
    title: "Sign in first",
    help: "The token is missing, expired, for another server, not signed by this server's identity provider, or was revoked in its guild. Sign in again and send the new one as `Authorization: Bearer …`. For `/ws` and `/events`: the ticket is used, expired, revoked, or was issued to another page.",
  },
  forbidden: {
    status: 403,
    title: "Not allowed",
    help: "The token is valid, but does not allow this. Only a room's creator and holders of the scope `rooms:manage` may end it; `/admin/…` needs the scope `hub:admin`.",
  },
  forbidden_guild: {
    status: 403,
    title: "This guild is not yours",
    help: "The token's `guilds` claim does not list the guild. Sign in again after joining the guild.",
  },
  discord_account_needed: {
    status: 403,
    title: "Your Discord account is not known",
    help: "A private room lets its creator in by the token's claim `discord_id`, which is missing. Sign in through Discord, or link Discord at the identity provider, and send the new token. The server's operator sets the claim up there. A room that is not private does not need it.",
  },
  forbidden_origin: {
    status: 403,
    title: "This origin is not allowed",
    help: "The page's origin is not in `WEB_ORIGIN`. The server's operator can add it.",
  },
  bad_interaction_signature: {
    status: 401,
    title: "The signature of the interaction is not valid",
    help: "`X-Signature-Ed25519` does not match `X-Signature-Timestamp` and the body, or the timestamp differs from our clock by more than 5 minutes. Only Discord can sign: `DISCORD_PUBLIC_KEY` must be that of your application.",
  },
  bad_webhook_secret: {
    status: 401,
    title: "The secret of the webhook is not valid",
    help: "The header that `FACEIT_WEBHOOK_HEADER` names is missing, or its value is not `FACEIT_WEBHOOK_SECRET`. Set the same secret in FACEIT's App Studio.",
  },
  bad_signature: {
    status: 403,
    title: "The signature is not valid",
    help: "`X-Hub-Signature` does not match the body, `X-Hub-Timestamp` differs from our clock by more than 60 s, or the two sides have different `HUB_SECRET`s. Sign each attempt again.",
  },
  not_found: {
    status: 404,
    title: "Not found",
    help: "There is nothing at this path. `/docs` lists the paths.",
  },
  room_not_found: {
    status: 404,
    title: "No such room",
    help: "The channel is not a room of this server, or it is private and you may not see it. Channels that this server did not create are never touched.",
  },
  match_not_found: {
    status: 404,
    title: "No such match",
    help: "The guild has no match with this id, or no longer. `GET /matches` lists its matches.",
  },
  connection_not_found: {
    status: 404,
    title: "No such connection",
    help: "The hub has no connection with this id now; it may have closed. `/admin/guilds/:id/hub/connections?sub=` lists a user's open connections.",
  },
  method_not_allowed: {
    status: 405,
    title: "Method not allowed",
    help: "The path exists with other methods: `Allow` lists them.",
  },
  idempotency_in_flight: {
    status: 409,
    title: "The same request is being worked on",
    help: "A request with this idempotency key has not been answered yet. Wait for `Retry-After` and send it again: you get the answer to the first one.",
  },
  stale_publisher: {
    status: 409,
    title: "A newer publisher has taken over",
    help: "Another gateway-worker process has started since. This one must stop publishing.",
  },
  gap: {
    status: 409,
    title: "Events are missing",
    help: "The hub lacks events before this one. Send again from `expected`, or send a `guild.snapshot`.",
  },
  future_epoch: {
    status: 409,
    title: "The publisher's epoch lies in the future",
    help: "The publisher started with a clock that was more than 5 minutes ahead. Set its clock and start it again; its unsent events are kept.",
  },
  already_exists: {
    status: 409,
    title: "It exists already",
    help: "Something with this id is there, and cannot be created again. Use another id.",
  },
  body_too_large: {
    status: 413,
    title: "The body is too large",
    help: "The limit is 64 KiB, also for a request that needs no body; 1 MiB for `/internal/events`; 256 KiB for `/faceit-webhook` and `/interactions`. Send less, or a smaller batch.",
  },
  idempotency_mismatch: {
    status: 422,
    title: "The idempotency key was used for another request",
    help: "A key belongs to one request for 24 hours. Use a new key for a new request.",
  },
  upgrade_required: {
    status: 426,
    title: "This is a WebSocket endpoint",
    help: "Connect with a WebSocket client; `/asyncapi.json` describes the frames.",
  },
  rate_limited: {
    status: 429,
    title: "Too many requests",
    help: "The limit in `RateLimit-Policy` is used up. Wait for `Retry-After`, in seconds.",
  },
  internal: {
    status: 500,
    title: "Something went wrong on our side",
    help: "An unexpected error. The log has the details under the `requestId`. Try again; if it persists, report it with that id.",
  },
  discord_refused: {
    status: 502,
    title: "Discord refused the request",
    help: "`discord` has Discord's code and message. Usually the bot lacks a permission, or the category in `parentId` is gone.",
  },
  discord_failed: {
    status: 502,
    title: "Discord did not answer properly",
    help: "Discord answered with an error or not in time. Try again, with the same idempotency key.",
  },
  discord_rate_limited: {
    status: 503,
    title: "Discord asks us to wait",
    help: "This server has reached Discord's own rate limit. Wait for `Retry-After`, in seconds.",
  },
  unavailable: {
    status: 503,
    title: "Not available right now",
    help: "A service that this needs does not answer, or a variable of the deployment is missing (`detail` names it). Wait for `Retry-After` if there is one, then try again.",
  },
} as const satisfies Record<string, ErrorRow>;

/** One entry of the list. `help` is Markdown: the cause, and what to do about it. */
export type ErrorRow = { readonly status: number; readonly title: string; readonly help: string };

/** Machine-readable code of a problem. */
export type ErrorCode = keyof typeof ERROR_CODES;

/** Codes of `error` frames on `/ws`. The socket stays open unless the close-code table says otherwise. */
export const FRAME_ERRORS = {
  not_json: "The frame is not JSON. Send one JSON object per text frame.",
  binary: "Binary frames are not used here. Send JSON as text.",
  unknown_type:
    "This frame type is not known. See /asyncapi.json for the frames a client may send.",
  invalid_frame: "The frame's fields are not valid. See /asyncapi.json.",
  not_authenticated: "Say who you are first: send a token in the first frame.",
  already_authenticated: "This socket has authenticated already. Use reauth to renew its token.",
  invalid_token: "The token is not valid. The connection keeps its present one.",
  token_not_checked:
    "The token cannot be checked now. The connection keeps its present one: send it again later.",
  other_subject: "The token belongs to another user. Open a new connection for them.",
  invalid_ack: "The acknowledged seq was never sent to this connection.",
} as const satisfies Record<string, string>;

/** Code of an `error` frame. */
export type FrameErrorCode = keyof typeof FRAME_ERRORS;
