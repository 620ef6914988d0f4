/**
 * Every limit of the public contract, in one place. docs/limits.md is the prose of this file;
 * each constant has a test that goes one over it.
 */

/** Bytes of one frame that a client may send on `/ws` (rooms.md §2). Over it: close 1009. */
export const CLIENT_FRAME_MAX_BYTES = 16 * 1024;

/** Frames a client may send in {@link CLIENT_FRAME_WINDOW_MS} (rooms.md §2). Over it: close 4429. */
export const CLIENT_FRAMES_PER_WINDOW = 60;

/** Length of the window that {@link CLIENT_FRAMES_PER_WINDOW} counts in, milliseconds. */
export const CLIENT_FRAME_WINDOW_MS = 10_000;

/** Frames a socket may send before it has authenticated (rooms.md §2). Over it: close 4429. */
export const UNAUTHENTICATED_FRAMES_MAX = 3;

/** Unusable frames (not JSON, binary, unknown type) until close 4499: the third one closes. */
export const BAD_FRAMES_MAX = 3;

/** Time a socket has to send its `auth` frame, milliseconds (rooms.md §2). Over it: close 4408. */
export const AUTHENTICATION_DEADLINE_MS = 5_000;

/** Open sockets of one user in one hub (rooms.md §2). One more closes the oldest with 4409. */
export const SOCKETS_PER_USER = 20;

/** Authenticated sockets of one hub; the platform's own bound is 32,768. One more: close 1013. */
export const SOCKETS_PER_HUB = 30_000;

/** Sockets of one hub that wait for their `auth` frame. One more: HTTP 503. */
export const UNAUTHENTICATED_SOCKETS_PER_HUB = 1_000;

/** Bytes of a session's grants as JSON, so that what a socket carries stays under 2 KB. Over it: 403. */
export const SESSION_GRANTS_MAX_BYTES = 1_500;

/** Channels that one `subscribe` frame may name (rooms.md §2). */
export const SUBSCRIBE_CHANNELS_MAX = 100;

/** A client is warned this long before its token expires, milliseconds (rooms.md §2). */
export const EXPIRY_WARNING_MS = 60_000;

/** Bytes sent to a client since its last sign of life before it is closed with 1013 (hub.md). */
export const UNACKNOWLEDGED_BYTES_MAX = 16 * 1024 * 1024;

/** How long after the first event of a burst the later ones wait for a shared frame, milliseconds. */
export const BATCH_WINDOW_MS = 10;

/** Events in one `batch` frame. */
export const BATCH_EVENTS_MAX = 500;

/** Requests of `GET /events` per `sub` and minute: four long polls a second when every one has an event. */
export const EVENT_REQUESTS_PER_MINUTE = 240;

/** Longest `wait` of a long poll, seconds, and what it is when absent (hub.md, fallback). */
export const LONG_POLL_WAIT_MAX_SECONDS = 25;

/** Events in one answer of a long poll. */
export const LONG_POLL_EVENTS_MAX = 500;

/** Length of the events in one answer of a long poll, as JSON text. One event is always taken. */
export const LONG_POLL_BYTES_MAX = 1024 * 1024;

/** After so long without a byte an event stream gets a comment, milliseconds. */
export const EVENT_STREAM_KEEP_ALIVE_MS = 15_000;

/** Journal bounds (rooms.md §3): whichever is met first. */
export const JOURNAL_MAX_AGE_MS = 24 * 60 * 60 * 1000;
export const JOURNAL_MAX_EVENTS = 10_000;
export const JOURNAL_MAX_BYTES = 32 * 1024 * 1024;

/** A dedupe key is remembered this long, milliseconds (hub.md, publisher idempotency). */
export const DEDUPE_TTL_MS = 24 * 60 * 60 * 1000;

/** Life of a WebSocket ticket, milliseconds (rooms.md §2). */
export const TICKET_TTL_MS = 30_000;

/** Tickets per `sub` and minute (rooms.md §1). */
export const TICKETS_PER_MINUTE = 60;

/** Rooms per `sub` and minute (rooms.md §1). */
export const ROOMS_PER_MINUTE_PER_USER = 10;

/** Rooms per client address and minute (rooms.md §1). */
export const ROOMS_PER_MINUTE_PER_ADDRESS = 240;

/** Bytes of an HTTP request body (rooms.md §1). Over it: 413. */
export const REQUEST_BODY_MAX_BYTES = 64 * 1024;

/** Bytes of a body of `POST /internal/events` (rooms.md §1). Over it: 413. */
export const SIGNED_BODY_MAX_BYTES = 1024 * 1024;

/** Events in one signed batch (rooms.md §4). */
export const SIGNED_BATCH_MAX = 100;

/** Difference between the signed timestamp and our clock, seconds (rooms.md §4). Over it: 403. */
export const SIGNATURE_MAX_SKEW_SECONDS = 60;

/** Signatures that one `X-Hub-Signature` header may carry, for key rotation. */
export const SIGNATURES_MAX = 4;

/** Characters of an `Idempotency-Key` (rooms.md §1). */
export const IDEMPOTENCY_KEY_MAX_LENGTH = 255;

/** A stored response is replayed this long, milliseconds (rooms.md §1). */
export const IDEMPOTENCY_TTL_MS = 24 * 60 * 60 * 1000;

/** Clock skew allowed for `exp` and `nbf`, seconds (rooms.md §1). */
export const JWT_CLOCK_SKEW_SECONDS = 30;

/** An unknown `kid` refetches the provider's keys at most this often, milliseconds (rooms.md §1). */
export const JWKS_REFETCH_COOLDOWN_MS = 60_000;

/** Code points of a room's name (Discord). A longer one is cut (rooms.md §1). */
export const ROOM_NAME_MAX_LENGTH = 100;

/** Members a room may hold; 0 is no limit (Discord). */
export const ROOM_USER_LIMIT_MAX = 99;

/** Limit of a room that names none (rooms.md §1). */
export const ROOM_USER_LIMIT_DEFAULT = 4;

/** Discord users that a private room may list (rooms.md §1). */
export const ROOM_ALLOWED_USERS_MAX = 50;

/** Life of an invite, seconds (Discord). */
export const INVITE_MAX_AGE_SECONDS = 604_800;

/** Uses of an invite (Discord). */
export const INVITE_MAX_USES = 100;

/** Page size of `GET /rooms` (rooms.md §1). */
export const ROOMS_PAGE_MAX = 100;
export const ROOMS_PAGE_DEFAULT = 50;

/** The gateway-worker reports that it is alive this often, milliseconds (rooms.md §4). */
export const GATEWAY_HEARTBEAT_INTERVAL_MS = 30_000;

/** Without a heartbeat for this long the gateway counts as down, milliseconds: two lost and some. */
export const GATEWAY_HEARTBEAT_TIMEOUT_MS = 75_000;

/** Unsent events of one guild in the gateway-worker's outbox. One more: a snapshot replaces them. */
export const OUTBOX_MAX_EVENTS = 10_000;

/** Bytes of the unsent events of one guild there. One more: a snapshot replaces them. */
export const OUTBOX_MAX_BYTES = 8 * 1024 * 1024;

/** Characters of a shared secret (rooms.md §6). A shorter one is refused at start. */
export const SECRET_MIN_LENGTH = 32;
