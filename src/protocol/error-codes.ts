/**
 * The closed list of failures that leave the Worker as RFC 9457 problem documents, with their HTTP
 * status and title. `docs/errors.md` explains each; its anchor is the problem's `type`.
 */
export const ERROR_CODES = {
  invalid_request: { status: 400, title: "The request is not valid" },
  invalid_json: { status: 400, title: "The body is not JSON" },
  invalid_idempotency_key: { status: 400, title: "The idempotency key is not valid" },
  invalid_event: { status: 400, title: "The event is not valid" },
  unauthorized: { status: 401, title: "Sign in first" },
  forbidden: { status: 403, title: "Not allowed" },
  forbidden_guild: { status: 403, title: "This guild is not yours" },
  forbidden_origin: { status: 403, title: "This origin is not allowed" },
  bad_signature: { status: 403, title: "The signature is not valid" },
  not_found: { status: 404, title: "Not found" },
  room_not_found: { status: 404, title: "No such room" },
  method_not_allowed: { status: 405, title: "Method not allowed" },
  idempotency_in_flight: { status: 409, title: "The same request is being worked on" },
  stale_publisher: { status: 409, title: "A newer publisher has taken over" },
  gap: { status: 409, title: "Events are missing" },
  body_too_large: { status: 413, title: "The body is too large" },
  unsupported_media_type: { status: 415, title: "The body is not JSON" },
  idempotency_mismatch: { status: 422, title: "The idempotency key was used for another request" },
  upgrade_required: { status: 426, title: "This is a WebSocket endpoint" },
  rate_limited: { status: 429, title: "Too many requests" },
  internal: { status: 500, title: "Something went wrong on our side" },
  discord_refused: { status: 502, title: "Discord refused the request" },
  discord_failed: { status: 502, title: "Discord did not answer properly" },
  discord_rate_limited: { status: 503, title: "Discord asks us to wait" },
  unavailable: { status: 503, title: "Not available right now" },
} as const satisfies Record<string, { readonly status: number; readonly title: string }>;

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
  other_subject: "The token belongs to another user. Open a new connection for them.",
  invalid_ack: "The acknowledged seq was never sent to this connection.",
} as const satisfies Record<string, string>;

/** Code of an `error` frame. */
export type FrameErrorCode = keyof typeof FRAME_ERRORS;
