/**
 * The closed list of failures that leave the Worker as RFC 9457 problem documents, with their HTTP
 * status, title and help. `/docs/errors` shows it (the anchor is the problem's `type`), and `npm run spec`
 * writes docs/errors.md from it.
 */
export const ERROR_CODES = {
  invalid_request: {
    status: 400,
    title: "The request is not valid",
    help: "A field of the body, the query or the path is missing or wrong. `errors` lists each with a JSON pointer. Mend the request; repeating it as it is fails again.",
  },
  invalid_json: {
    status: 400,
    title: "The body is not JSON",
    help: "The body could not be parsed. Send one JSON object in UTF-8.",
  },
  invalid_idempotency_key: {
    status: 400,
    title: "The idempotency key is not valid",
    help: "`Idempotency-Key` (or `X-Idempotency-Key`) takes 1 to 255 characters. A UUID does well.",
  },
  invalid_event: {
    status: 400,
    title: "The event is not valid",
    help: "A signed event is of an unknown kind or its payload does not fit its kind. `/asyncapi.json` has the payloads. Do not send it again.",
  },
  unauthorized: {
    status: 401,
    title: "Sign in first",
    help: "There is no token, or it is expired, not for this server, or not signed by its identity provider. Get a new one and send it as `Authorization: Bearer …`. For `/ws`: the ticket is used, expired or of another page.",
  },
  forbidden: {
    status: 403,
    title: "Not allowed",
    help: "The token is good, and does not allow this. Only a room's creator and holders of the scope `rooms:manage` may end it; `/admin/…` needs the scope `hub:admin`.",
  },
  forbidden_guild: {
    status: 403,
    title: "This guild is not yours",
    help: "The token has a `guilds` claim, and the guild is not in it. Sign in again after joining the guild.",
  },
  discord_account_needed: {
    status: 403,
    title: "Your Discord account is not known",
    help: "A private room lets in its creator by the token's claim `discord_id`, and the token has none. Sign in through Discord, or link Discord at the identity provider, and send the new token. Whoever runs the server sets the claim up there. A room that is not private needs none.",
  },
  forbidden_origin: {
    status: 403,
    title: "This origin is not allowed",
    help: "A page from an origin outside `WEB_ORIGIN` wanted to connect. Whoever runs the server can add it.",
  },
  bad_interaction_signature: {
    status: 401,
    title: "The signature of the interaction is not valid",
    help: "`X-Signature-Ed25519` does not fit `X-Signature-Timestamp` and the body, or the timestamp is more than 5 minutes away from our clock. Only Discord can sign: `DISCORD_PUBLIC_KEY` must be that of your application.",
  },
  bad_webhook_secret: {
    status: 401,
    title: "The secret of the webhook is not valid",
    help: "The header that `FACEIT_WEBHOOK_HEADER` names is missing or holds another secret than `FACEIT_WEBHOOK_SECRET`. Set the same in FACEIT's App Studio.",
  },
  bad_signature: {
    status: 403,
    title: "The signature is not valid",
    help: "`X-Hub-Signature` does not fit the body, `X-Hub-Timestamp` is more than 60 s away from our clock, or the two sides have different `HUB_SECRET`s. Sign each attempt anew.",
  },
  not_found: {
    status: 404,
    title: "Not found",
    help: "Nothing is at this path. `/docs` lists what there is.",
  },
  room_not_found: {
    status: 404,
    title: "No such room",
    help: "The channel is not one of our rooms, or a private one that you may not see. Channels that were not made here are never touched.",
  },
  match_not_found: {
    status: 404,
    title: "No such match",
    help: "The guild has no match with this id, or it was forgotten. `GET /matches` lists what there is.",
  },
  connection_not_found: {
    status: 404,
    title: "No such connection",
    help: "The hub has no connection with this id now; it may have ended. `/admin/guilds/:id/hub/connections?sub=` lists a user's present ones.",
  },
  method_not_allowed: {
    status: 405,
    title: "Method not allowed",
    help: "The path exists with other methods: `Allow` lists them.",
  },
  idempotency_in_flight: {
    status: 409,
    title: "The same request is being worked on",
    help: "A request with this idempotency key has not been answered yet. Wait for `Retry-After` and send it again: you get the answer of the first.",
  },
  stale_publisher: {
    status: 409,
    title: "A newer publisher has taken over",
    help: "Another gateway-worker process has started since. This one must stop publishing.",
  },
  gap: {
    status: 409,
    title: "Events are missing",
    help: "The hub has not got the events before this one. Send again from `expected`, or send a `guild.snapshot`.",
  },
  future_epoch: {
    status: 409,
    title: "The publisher's epoch lies in the future",
    help: "The publisher began with a clock that was more than 5 minutes ahead. Set its clock and start it again; nothing that it keeps is lost.",
  },
  body_too_large: {
    status: 413,
    title: "The body is too large",
    help: "64 KiB; 1 MiB for `/internal/events`; 256 KiB for `/faceit-webhook` and `/interactions`. Send less, or a smaller batch.",
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
    help: "Nobody expected this. The log has the details under the `requestId`. Try again; if it stays, report it with that id.",
  },
  discord_refused: {
    status: 502,
    title: "Discord refused the request",
    help: "Discord said no; `discord` has its code and message. Usually the bot lacks a permission, or the category named in `parentId` is gone.",
  },
  discord_failed: {
    status: 502,
    title: "Discord did not answer properly",
    help: "Discord answered with an error or not in time. Try again, with the same idempotency key.",
  },
  discord_rate_limited: {
    status: 503,
    title: "Discord asks us to wait",
    help: "Discord's own rate limit. Wait for `Retry-After`, in seconds.",
  },
  unavailable: {
    status: 503,
    title: "Not available right now",
    help: "A part that this needs does not answer, or a variable of the deployment is missing (`detail` names it). Wait for `Retry-After` if it is there, then try again.",
  },
} as const satisfies Record<string, ErrorRow>;

/** One row of the table. `help` is Markdown: what it means and what to do about it. */
export type ErrorRow = { readonly status: number; readonly title: string; readonly help: string };

/** Machine-readable code of a problem. */
export type ErrorCode = keyof typeof ERROR_CODES;

/** Codes of `error` frames on `/ws`: the socket stays open unless the close-code table says so. */
export const FRAME_ERRORS = {
  not_json: "The frame is not JSON. Send one JSON object per text frame.",
  binary: "Binary frames are not used here. Send JSON as text.",
  unknown_type:
    "This frame type is not known. See /asyncapi.json for the frames a client may send.",
  invalid_frame: "The frame's fields are not valid. See /asyncapi.json.",
  not_authenticated: 'Authenticate first: send {"type":"auth","token":"…"}.',
  already_authenticated: "This socket has authenticated already. Use reauth to renew its token.",
  invalid_token: "The token is not valid. The connection keeps its present one.",
  token_not_checked:
    "The token cannot be checked now. The connection keeps its present one: send it again later.",
  other_subject: "The token belongs to another user. Open a new connection for them.",
  invalid_ack: "The acknowledged seq was never sent to this connection.",
} as const satisfies Record<string, string>;

/** Code of an `error` frame. */
export type FrameErrorCode = keyof typeof FRAME_ERRORS;
