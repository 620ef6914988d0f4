/**
 * Every limit of the public contract, in one place. docs/limits.md is the prose of this file. Each one is used
 * outside of it, and a test goes over it (`dev/checks/limits.test.ts`).
 */

/** Bytes of one frame that a client may send on `/ws` (rooms.md §2). Over it: close 1009. */
export const CLIENT_FRAME_MAX_BYTES = 16 * 1024;

/**
 * Frames a client may send in {@link CLIENT_FRAME_WINDOW_MS} (rooms.md §2). For each quarter of its credit that
 * the server sends meanwhile it may send one more, so that it can acknowledge. Over it: close 4429.
 */
export const CLIENT_FRAMES_PER_WINDOW = 60;

/** How deep the JSON of a client's frame may be nested. Over it the frame is unusable. */
export const FRAME_DEPTH_MAX = 100;

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

/**
 * A client's own socket that has sent nothing since it opened, no frame and no ping, gives way to a new one of its user
 * after this time, milliseconds: at the limit of a user it closes first (HUB-30). The runtime may not tell that its
 * client has left. Clients that ping have done so by then.
 */
export const UNHEARD_GIVES_WAY_MS = 30_000;

/**
 * Sockets of one user that a hub has closed and that are not gone yet, as a multiple of its limit of open ones
 * ({@link SOCKETS_PER_USER}). Over it: HTTP 503, until some of them are gone.
 */
export const CLOSING_SOCKETS_FACTOR = 2;

/** Authenticated sockets of one object; the platform's own bound is 32,768. One more: close 1013. */
export const SOCKETS_PER_OBJECT = 30_000;

/**
 * Sockets that a hub holds itself before new clients go to relays (hub.md, scale-out). The variable
 * of the same name makes it smaller.
 */
export const SOCKETS_PER_HUB = 10_000;

/** Sockets of one relay before new clients go to the next one. The variable makes it smaller. */
export const SOCKETS_PER_RELAY = 20_000;

/** Relays of one guild. With all of them full, new clients get HTTP 503. */
export const RELAYS_PER_HUB = 1_000;

/**
 * How long a relay that is not needed is kept, milliseconds: after a crash all relays are empty until their
 * clients are back.
 */
export const RELAY_KEEP_MS = 10 * 60 * 1000;

/**
 * Clients with a ticket or token that one hub or relay accepts per second once {@link ACCEPTS_BURST} is used up.
 * One more: HTTP 503.
 */
export const ACCEPTS_PER_SECOND = 1_000;

/** Clients that an idle hub or relay accepts at once, for a guild that reconnects after a restart. */
export const ACCEPTS_BURST = 4_000;

/** Shortest time over which clients spread their return after a loss, milliseconds (hub.md, deploy). */
export const RETRY_WINDOW_MIN_MS = 1_000;

/** Sockets of one isolate of the Worker that have not authenticated (hub.md, pre-auth). One more: HTTP 503. */
export const UNAUTHENTICATED_SOCKETS_PER_ISOLATE = 1_000;

/** Those of one client address, or one IPv6 /64. One more: HTTP 503. */
export const UNAUTHENTICATED_SOCKETS_PER_ADDRESS = 50;

/**
 * How long a socket that the Worker has closed before it authenticated keeps its place, milliseconds, if its client
 * does not answer the close.
 */
export const UNAUTHENTICATED_CLOSING_MS = 60_000;

/**
 * Unauthenticated sockets that one isolate of the Worker accepts per second once their burst is used up. One more:
 * HTTP 503. They do not count against {@link ACCEPTS_PER_SECOND} of a hub.
 */
export const UNAUTHENTICATED_ACCEPTS_PER_SECOND = 250;

/** Unauthenticated sockets that an idle isolate accepts at once. */
export const UNAUTHENTICATED_ACCEPTS_BURST = 1_000;

/**
 * Unauthenticated sockets that one client address, or one IPv6 /64, may open per second once its burst is used
 * up. One more: HTTP 503.
 */
export const UNAUTHENTICATED_ACCEPTS_PER_SECOND_PER_ADDRESS = 25;

/** Unauthenticated sockets that an idle isolate accepts at once from one address. */
export const UNAUTHENTICATED_ACCEPTS_BURST_PER_ADDRESS = 100;

/**
 * How long a client without a ticket may say nothing before the server speaks first, milliseconds, where a client
 * may speak several dialects.
 */
export const FIRST_FRAME_MS = 300;

/** Time a Socket.IO client has for its CONNECT packet, milliseconds (sync.md §0b). Over it: close 4408. */
export const SOCKET_IO_CONNECT_DEADLINE_MS = 20_000;

/** Time a Socket.IO client has to close after its CONNECT was refused, milliseconds. Over it: the close of the refusal. */
export const SOCKET_IO_REFUSED_MS = 5_000;

/** How often a Socket.IO client is pinged, milliseconds (Engine.IO, `pingInterval`). */
export const ENGINE_IO_PING_INTERVAL_MS = 25_000;

/** How long its answer may take, milliseconds (Engine.IO, `pingTimeout`). Over it: close 1001. */
export const ENGINE_IO_PING_TIMEOUT_MS = 20_000;

/** Bytes of a session's grants as JSON, so that a socket's attachment stays under 2 KB. Over it: 403. */
export const SESSION_GRANTS_MAX_BYTES = 1_500;

/** Bytes of what a client says of itself when it connects, as JSON; it is in the attachment as well. Over it: close 4403. */
export const SESSION_SCOPE_MAX_BYTES = 256;

/**
 * Characters of a hub's name: so many fit in all cases into the name of an object, which the runtime tells it up to
 * 1,024 bytes, with the number of a relay behind. Over it: close 4403.
 */
export const HUB_NAME_MAX_LENGTH = 256;

/** Calls that may wait for one client, and in one hub. Further ones fail at once. */
export const CALLS_PER_TARGET = 1_000;
export const CALLS_PER_HUB = 10_000;

/** Calls of one client that may wait although the place for their target is used up: by the others, or by itself. */
export const CALLS_PER_CALLER_ALWAYS = 10;

/**
 * Bytes of the calls of one client that wait because their targets have no room, and of those in one hub. Further ones
 * fail at once, but the first one of a client waits in any case.
 */
export const CALLS_WAITING_PER_CALLER_BYTES = 32 * 1024 * 1024;
export const CALLS_WAITING_PER_HUB_BYTES = 64 * 1024 * 1024;

/** Bytes of answers and broadcasts that wait because one client has no room for them. Over it: close 1013. */
export const OWED_WAITING_BYTES = 32 * 1024 * 1024;

/** Characters of an `epoch` that a client sends; ours have fewer. */
export const EPOCH_MAX_LENGTH = 64;

/** Channels that one `subscribe` frame may name (rooms.md §2). */
export const SUBSCRIBE_CHANNELS_MAX = 100;

/** Characters of a topic that a client of Socket.IO subscribes to; ours have fewer. */
export const TOPIC_MAX_LENGTH = 64;

/** A client is warned this long before its token expires, milliseconds (rooms.md §2). */
export const EXPIRY_WARNING_MS = 60_000;

/**
 * Bytes that are sent to a client beyond what it has acknowledged, or beyond its last ping (hub.md, slow
 * consumer). Then it lags, and later gets the rest from the journal. A single larger frame goes alone.
 */
export const CREDIT_WINDOW_BYTES = 192 * 1024;

/** Events that are sent to a client beyond what it has acknowledged. */
export const CREDIT_WINDOW_EVENTS = 1_000;

/** How long a lagging client may take nothing before it is closed with 1013, milliseconds. */
export const LAGGING_MAX_MS = 60_000;

/**
 * Bytes sent to one user's sockets that neither acknowledge nor ping, since their last frame (hub.md). Over it:
 * close 1013.
 */
export const UNACKNOWLEDGED_BYTES_MAX = 16 * 1024 * 1024;

/** Signal keys whose last value a hub keeps for lagging clients. One more drops the oldest. */
export const SIGNAL_KEYS_MAX = 1_000;

/** Bytes of a signal's payload as JSON. Over it: nothing is sent. Presence then only counts users. */
export const SIGNAL_MAX_BYTES = 16 * 1024;

/** Bytes of one event's payload as JSON. Over it: the publish is refused and nothing is journaled. */
export const EVENT_PAYLOAD_MAX_BYTES = 64 * 1024;

/** How long presence changes are collected before they are sent together, milliseconds. */
export const PRESENCE_DEBOUNCE_MS = 2_000;

/** Users that presence lists. With more, only their number is sent. */
export const PRESENCE_USERS_MAX = 100;

/**
 * Users at relays up to which presence is exact. With more, a user who is at two objects for a while is found by
 * a sample.
 */
export const PRESENCE_EXACT_USERS = 1_000_000;

/** How long a revoked user's older tokens are refused, milliseconds. */
export const REVOCATION_TTL_MS = 24 * 60 * 60 * 1000;

/** How long after the first event of a burst the later ones wait for a shared frame, milliseconds. */
export const BATCH_WINDOW_MS = 10;

/** Events in one `batch` frame. */
export const BATCH_EVENTS_MAX = 500;

/** Bytes of payload in one `batch` frame; a single larger event goes alone. */
export const BATCH_MAX_BYTES = 64 * 1024;

/** Requests of `GET /events` per `sub` and minute: four long polls a second when every one has an event. */
export const EVENT_REQUESTS_PER_MINUTE = 240;

/** Longest `wait` of a long poll, seconds, and what it is when absent (hub.md, fallback). */
export const LONG_POLL_WAIT_MAX_SECONDS = 25;

/** Events in one answer of a long poll. */
export const LONG_POLL_EVENTS_MAX = 500;

/** Length of the events in one answer of a long poll, as JSON text. A larger event is sent alone. */
export const LONG_POLL_BYTES_MAX = 1024 * 1024;

/**
 * The silence after which an event stream gets a comment, and a waiting long poll a space, milliseconds. So long a
 * client that has closed its connection may go unnoticed.
 */
export const EVENT_STREAM_KEEP_ALIVE_MS = 5_000;

/** Journal bounds (rooms.md §3). The one that is reached first trims the journal. */
export const JOURNAL_MAX_AGE_MS = 24 * 60 * 60 * 1000;
export const JOURNAL_MAX_EVENTS = 10_000;
export const JOURNAL_MAX_BYTES = 32 * 1024 * 1024;

/** How long a dedupe key is kept, milliseconds (hub.md, publisher idempotency). */
export const DEDUPE_TTL_MS = 24 * 60 * 60 * 1000;

/** Life of a WebSocket ticket, milliseconds (rooms.md §2). */
export const TICKET_TTL_MS = 30_000;

/** Tickets, and upgrades with a token instead of one, per `sub` and minute (rooms.md §1). */
export const TICKETS_PER_MINUTE = 60;

/** UTF-16 units of a person's name that are kept: Discord's longest have 32. */
export const PERSON_NAME_MAX_LENGTH = 64;

/** People of a guild whose names its hub keeps. One more drops the one seen longest ago. */
export const PEOPLE_MAX = 5_000;

/** How long a person who is not seen again is kept, milliseconds. */
export const PEOPLE_KEEP_MS = 90 * 24 * 60 * 60 * 1000;

/** Entries of one answer of `GET /people`. Over it: 400. */
export const PEOPLE_PAGE_MAX = 50;

/** Entries of one answer of `GET /people` without a `limit`. */
export const PEOPLE_PAGE_DEFAULT = 20;

/** How long an answer of `GET /ready` is reused, milliseconds: the route needs no token. */
export const READY_FRESH_MS = 2_000;

/** Requests per `sub` and minute to routes without a limit of their own. */
export const USER_REQUESTS_PER_MINUTE = 600;

/** Invites per `sub` and minute: each is a call to Discord. */
export const INVITES_PER_MINUTE = 10;

/** Ends of rooms per `sub` and minute: each is a call to Discord, even for a room that has ended. */
export const ROOM_ENDS_PER_MINUTE = 30;

/** Rooms per `sub` and minute (rooms.md §1). */
export const ROOMS_PER_MINUTE_PER_USER = 10;

/** Rooms per client address, or IPv6 /64, and minute (rooms.md §1). */
export const ROOMS_PER_MINUTE_PER_ADDRESS = 240;

/** Bytes of an HTTP request body (rooms.md §1). Over it: 413. */
export const REQUEST_BODY_MAX_BYTES = 64 * 1024;

/** Characters of the name of an uploaded file. Over it the upload is refused. */
export const FILE_NAME_MAX_LENGTH = 255;

/** Bytes of a body of `POST /internal/events` (rooms.md §1). Over it: 413. */
export const SIGNED_BODY_MAX_BYTES = 1024 * 1024;

/** Events in one signed batch (rooms.md §4). */
export const SIGNED_BATCH_MAX = 100;

/**
 * Events that a hub holds while it is not known yet whether their channel is a room. One more: the publisher
 * gets 503 with `Retry-After` and sends it again.
 */
export const HELD_EVENTS_MAX = 1_000;

/** Difference between the signed timestamp and our clock, seconds (rooms.md §4). Over it: 403. */
export const SIGNATURE_MAX_SKEW_SECONDS = 60;

/** Signatures that one `X-Hub-Signature` header may carry, for key rotation. */
export const SIGNATURES_MAX = 4;

/** How far ahead of our clock a publisher's epoch may begin, milliseconds (hub.md). Over it: 409. */
export const PUBLISHER_EPOCH_AHEAD_MAX_MS = 5 * 60_000;

/** How far a snapshot may jump ahead in a publisher's seq (hub.md). Over it: 409 `gap`. */
export const PUBLISHER_SEQ_JUMP_MAX = 1_000_000;

/** Characters of an `Idempotency-Key` (rooms.md §1). */
export const IDEMPOTENCY_KEY_MAX_LENGTH = 255;

/** How long a stored response is replayed, milliseconds (rooms.md §1). */
export const IDEMPOTENCY_TTL_MS = 24 * 60 * 60 * 1000;

/** Clock skew allowed for `exp` and `nbf`, seconds (rooms.md §1). */
export const JWT_CLOCK_SKEW_SECONDS = 30;

/**
 * The shortest time between two fetches of the provider's keys once it has sent some, whatever tokens arrive,
 * milliseconds (rooms.md §1).
 */
export const JWKS_REFETCH_COOLDOWN_MS = 60_000;

/** Keys of the provider that a token without a `kid` is tried with. A set may have more. */
export const JWT_KEY_CANDIDATES_MAX = 10;

/** Code points of a room's name (Discord). A longer one is cut (rooms.md §1). */
export const ROOM_NAME_MAX_LENGTH = 100;

/** UTF-16 units of a requested name: a longer one is refused before it is cleaned and cut. */
export const ROOM_NAME_INPUT_MAX = 10_000;

/** Members a room may hold; 0 is no limit (Discord). */
export const ROOM_USER_LIMIT_MAX = 99;

/** The user limit of a room that is requested without one (rooms.md §1). */
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

/** The time between two heartbeats of the gateway-worker, milliseconds (rooms.md §4). */
export const GATEWAY_HEARTBEAT_INTERVAL_MS = 30_000;

/** The time without a heartbeat after which the gateway counts as down, milliseconds: two lost and a reserve. */
export const GATEWAY_HEARTBEAT_TIMEOUT_MS = 75_000;

/** Unsent events of one guild in the gateway-worker's outbox. One more: a snapshot replaces them. */
export const OUTBOX_MAX_EVENTS = 10_000;

/** Bytes of the unsent events of one guild in the outbox. One more: a snapshot replaces them. */
export const OUTBOX_MAX_BYTES = 8 * 1024 * 1024;

/** Characters of a shared secret (rooms.md §6). A shorter one is refused at start. */
export const SECRET_MIN_LENGTH = 32;

/** How long a Worker reuses a hub's answer to where new clients go, milliseconds. */
export const PLACEMENT_TTL_MS = 5_000;

/** Bytes of a body of `POST /faceit-webhook` (matches-and-music.md §A3). Over it: 413. */
export const WEBHOOK_BODY_MAX_BYTES = 256 * 1024;

/** Bytes of a body of `POST /interactions`. Over it: 413. */
export const INTERACTION_BODY_MAX_BYTES = 256 * 1024;

/** Difference between an interaction's signed timestamp and our clock, seconds (§B). Over it: 401. */
export const INTERACTION_MAX_SKEW_SECONDS = 300;

/** When a slash command that is not done gets a "still working" reply, milliseconds: Discord waits 3 s. */
export const INTERACTION_DEADLINE_MS = 2_500;

/** Players that one Discord user may look up at FACEIT by slash commands in a minute. One more: wait. */
export const LOOKUPS_PER_MINUTE = 20;

/** Time to finish linking a FACEIT account after `/link`, milliseconds (§B). */
export const LINK_TTL_MS = 10 * 60 * 1000;

/** Linkings that one Discord user may begin in ten minutes. One more: the command says to wait. */
export const LINKS_PER_TEN_MINUTES = 10;

/** Steps of linkings (`/faceit/link`, `/faceit/callback`) per client address, or /64, and minute. Over it: 429. */
export const LINK_STEPS_PER_MINUTE_PER_ADDRESS = 60;

/** Page size of `GET /matches`. */
export const MATCHES_PAGE_MAX = 100;
export const MATCHES_PAGE_DEFAULT = 50;

/** Live matches in a snapshot, the newest; `GET /matches` has all of them. */
export const SNAPSHOT_MATCHES_MAX = 50;

/** Players of one side that are read: FACEIT's largest teams have fewer. The rest get no access. */
export const MATCH_PLAYERS_PER_SIDE_MAX = 20;

/** Time after which a trouble of a guild's matches that persists is posted again, milliseconds. */
export const TROUBLE_TOLD_AGAIN_MS = 24 * 60 * 60 * 1000;

/** Recordings of one match: the longest series has fewer maps. The rest is left out. */
export const MATCH_DEMOS_MAX = 10;

/** Bytes of an answer of FACEIT. A longer one counts as a failure. */
export const FACEIT_ANSWER_MAX_BYTES = 512 * 1024;

/** Time FACEIT has to answer, milliseconds. */
export const FACEIT_TIMEOUT_MS = 5_000;

/** How long a Data API answer about a match counts as fresh, milliseconds (§A2). */
export const FACEIT_FRESH_MS = 5_000;

/** How long an ended match is kept, milliseconds, so that late webhooks do not reopen it. */
export const MATCH_TOMBSTONE_MS = 7 * 24 * 60 * 60 * 1000;

/** How long an ended match is listed, milliseconds. */
export const MATCH_KEEP_MS = 90 * 24 * 60 * 60 * 1000;

/** How long the audit of links is kept, milliseconds. */
export const LINK_AUDIT_KEEP_MS = 365 * 24 * 60 * 60 * 1000;

/** The age from which a channel of ours that no match owns is deleted, milliseconds. */
export const ORPHAN_MIN_AGE_MS = 5 * 60 * 1000;

/** The longest `Retry-After` that is obeyed, milliseconds. A longer one is shortened to this. */
export const RETRY_AFTER_MAX_MS = 24 * 60 * 60 * 1000;

/**
 * The longest pause after Discord's edge blocked our address, or FACEIT limited our key, milliseconds. After it
 * one call probes whether calls are accepted again.
 */
export const OUTSIDE_PAUSE_MAX_MS = 60 * 60 * 1000;

/** Characters of an id that a client of sync chooses: sessions' tags, machines, `localId` (sync.md §1). Over it: 400. */
export const SYNC_ID_MAX_LENGTH = 128;

/** Characters of a text that only clients can read: metadata, agent and daemon state (sync.md §0b.15). Over it: 400. */
export const SYNC_STATE_MAX_LENGTH = 500_000;

/** Characters of a message's content as JSON (sync.md §0b.15). Over it: 400. */
export const SYNC_CONTENT_MAX_LENGTH = 1_000_000;

/**
 * Bytes of these two as JSON in UTF-8, because a row has at most 2 MB (Cloudflare), and a session has two states. Base64
 * has as many bytes as characters, so no client of Happy gets here. Over it: 400.
 */
export const SYNC_STATE_MAX_BYTES = 900_000;
export const SYNC_CONTENT_MAX_BYTES = 1_800_000;

/**
 * Characters of the texts in one list of sync: what a hub answers has to fit into 32 MiB (Cloudflare). What is left out
 * is on the next page. A longer row comes alone.
 */
export const SYNC_LIST_MAX_LENGTH = 8 * 1024 * 1024;

/** Sessions of `GET /v1/sessions`, and messages of `GET /v1/sessions/:id/messages`: lists without pages (sync.md §3.3). */
export const SYNC_NEWEST_MAX = 150;

/** Entries of a page of sessions, machines, the feed, and messages of `/v2`. Over it: 400. */
export const SYNC_PAGE_MAX = 200;
export const SYNC_PAGE_DEFAULT = 50;

/** Sessions of `GET /v2/sessions/active`. Over it: 400. */
export const SYNC_ACTIVE_SESSIONS_MAX = 500;
export const SYNC_ACTIVE_SESSIONS_DEFAULT = 150;

/** A session is in that list if it was heard of so recently, milliseconds (sync.md §3.3). */
export const SYNC_LISTED_ACTIVE_MS = 15 * 60_000;

/** Messages that `GET /v3/sessions/:id/messages` gives at once (sync.md §4). Over it: 400. */
export const SYNC_MESSAGES_PAGE_MAX = 500;
export const SYNC_MESSAGES_PAGE_DEFAULT = 100;

/** Messages that one request adds (sync.md §4). Over it: 400. */
export const SYNC_MESSAGES_ADDED_MAX = 100;

/** Bytes of an artifact's header and body together, because a row has at most 2 MB (sync.md §0b.13). Over it: 413. */
export const SYNC_ARTIFACT_MAX_BYTES = 1_400_000;

/** Artifacts of `GET /v1/artifacts`, which has no pages (sync.md §3.5). Those changed longest ago are left out. */
export const SYNC_ARTIFACTS_LISTED_MAX = 10_000;

/** Artifacts of one account that sockets have asked for and that wait to be created. One more is refused. */
export const SYNC_ARTIFACTS_WAITING_MAX = 16;

/** How long a create may take to claim its id. A claim without an artifact is released after it, milliseconds. */
export const SYNC_ARTIFACT_CLAIM_MS = 60_000;

/** A claim that could not be released is tried again after this time, milliseconds. */
export const SYNC_ARTIFACT_RELEASE_RETRY_MS = 10_000;
/** Characters of a first or last name (sync.md §3.8). Over it: 400. */
export const SYNC_NAME_MAX_LENGTH = 100;

/** Characters of the name by which others find an account (sync.md §3.8). Outside of it: 400. */
export const SYNC_USERNAME_MIN_LENGTH = 3;
export const SYNC_USERNAME_MAX_LENGTH = 50;

/**
 * D1 has copies of what the hub of an account knows (sync.md §0b.2). They are made so long after a change of the
 * settings, and after an update, milliseconds. Changes until then go with them.
 */
export const SYNC_SETTINGS_COPIED_MS = 1_000;
export const SYNC_SEQ_COPIED_MS = 10 * 60_000;

/** Characters of a key of KV, and of its value in base64 (sync.md §1). Over it: 400. */
export const SYNC_KV_KEY_MAX_LENGTH = 256;
export const SYNC_KV_VALUE_MAX_LENGTH = 65_536;

/** Keys that one request of KV changes or asks for (sync.md §3.11). Over it: 400. */
export const SYNC_KV_BATCH_MAX = 100;

/** Keys of `GET /v1/kv` (sync.md §3.11). Over it: 400. */
export const SYNC_KV_PAGE_MAX = 1_000;
export const SYNC_KV_PAGE_DEFAULT = 100;

/** Bytes of changed keys in one update. What a batch has beyond it comes in further ones. */
export const SYNC_KV_UPDATE_MAX_BYTES = 1_800_000;

/** Characters of the title and of the text that a session's push shows (sync.md §4). Over it: 400. */
export const SYNC_PUSH_TITLE_MAX_LENGTH = 200;
export const SYNC_PUSH_BODY_MAX_LENGTH = 500;

/** Characters of a data key in base64 (sync.md §1). Over it: 400. */
export const SYNC_DATA_KEY_MAX_LENGTH = 256;

/** Characters of a token that a client sends (sync.md §1). Over it: 401. */
export const SYNC_TOKEN_MAX_LENGTH = 8_192;

/** Bytes of a JSON body of sync (sync.md §0b.13). Over it: 413. */
export const SYNC_BODY_MAX_BYTES = 10 * 1024 * 1024;

/**
 * Entries of all lists and objects of a JSON body together, where no member may be any JSON. The longest list that an
 * operation takes has a hundred objects. Over it: 400, before it is parsed.
 */
export const SYNC_BODY_PARTS_MAX = 10_000;

/** Characters of a body beside the content of a message or broadcast: names, ids, what is ignored. Over it: 400. */
export const SYNC_ENVELOPE_MAX_LENGTH = 64 * 1024;

/** Bytes of one frame that a client of sync may send (sync.md §0b.12). Over it: close 1009. */
export const SYNC_FRAME_MAX_BYTES = 2 * 1024 * 1024;

/** Bytes of the parameters of a remote call, and of its result (sync.md §0b.12). Over it: it fails. */
export const SYNC_CALL_MAX_BYTES = 1024 * 1024;

/** Sockets of one account. One more is refused with 4005 (sync.md §0b.20). */
export const SYNC_SOCKETS_PER_ACCOUNT = 100;

/** Frames that a client of sync may send before it has authenticated: each is answered (sync.md §6.3). Over it: close 4429. */
export const SYNC_FRAMES_BEFORE_AUTH = 20;

/** Frames that a client of sync may send in {@link CLIENT_FRAME_WINDOW_MS}. Over it: close 4429. */
export const SYNC_FRAMES_PER_WINDOW = 1_000;

/** Bytes sent to a client of sync beyond what it has shown to have taken: a large result goes through at once. */
export const SYNC_WINDOW_BYTES = 2 * 1024 * 1024;

/**
 * Bytes sent to one native client of sync since it last showed that it reads: by a ping, by the answer to a call, or by
 * any frame a minute later. Over it: close 1013.
 */
export const SYNC_UNACKNOWLEDGED_BYTES_MAX = 64 * 1024 * 1024;

/** Connections that one account may open in a minute. One more: 429, or close 1013. */
export const SYNC_CONNECTIONS_PER_MINUTE = 600;

/** Requests that one account may make in a minute. One more: 429. */
export const SYNC_REQUESTS_PER_MINUTE = 3_000;

/** How long a remote call may take, milliseconds (sync.md §0b.4). */
export const SYNC_CALL_TIMEOUT_MS = 30_000;

/** How long a call waits for a target that was lost to come back, milliseconds (sync.md §0b.4). */
export const SYNC_CALL_GRACE_MS = 3_000;

/** Calls of one account that may wait for targets to come back. One more fails at once. */
export const SYNC_CALLS_WAITING_MAX = 100;

/** Characters of the parameters of those calls. Over it a further one fails at once. */
export const SYNC_CALLS_WAITING_LENGTH_MAX = 16 * 1024 * 1024;

/** Methods that one connection may have registered. One more: `rpc-error`. */
export const SYNC_METHODS_PER_CONNECTION = 200;

/** A session or machine that is not heard of for so long is inactive, milliseconds (sync.md §4). */
export const SYNC_INACTIVE_AFTER_MS = 10 * 60_000;

/** The shortest time between two beats of a session or machine that are told or written, milliseconds (sync.md §0a). */
export const SYNC_ALIVE_EVERY_MS = 30_000;

/** Beats of a session that was ended are dropped for so long, milliseconds (sync.md §0b.14). */
export const SYNC_ALIVE_QUIET_MS = 60_000;

/**
 * A native client that has sent nothing for so long since it connected, no frame and no ping, is not counted, and does
 * not keep its machine active, milliseconds. It is served on.
 */
export const SYNC_UNHEARD_MS = 60_000;

/** How often an Engine.IO client of sync is pinged, and how long its answer may take, milliseconds (sync.md §7). */
export const SYNC_PING_INTERVAL_MS = 25_000;
export const SYNC_PING_TIMEOUT_MS = 60_000;

/** Sessions and machines whose beats one connection may have filtered. One more: the next beat of each goes through. */
export const SYNC_ALIVE_FILTER_MAX = 100;

/** Bytes of one update as JSON: the largest content or two states, with what is around them. */
export const SYNC_UPDATE_MAX_BYTES = 1_900_000;

/**
 * What the journal of an account keeps. Clients read what they missed by REST, so it only serves those that are slow
 * for a moment.
 */
export const SYNC_JOURNAL_MAX_AGE_MS = 60 * 60_000;
export const SYNC_JOURNAL_MAX_EVENTS = 1_000;
export const SYNC_JOURNAL_MAX_BYTES = 16 * 1024 * 1024;

/**
 * Bytes of what a client writes into the server's log (sync.md §3.10): its message, the object with it as JSON, and the
 * whole body. Over it: 413.
 */
export const SYNC_LOG_MESSAGE_MAX_BYTES = 50 * 1024;
export const SYNC_LOG_RAW_MAX_BYTES = 100 * 1024;
export const SYNC_LOG_BODY_MAX_BYTES = 200 * 1024;

/** Lines of one source that a client address, or /64, may write into the log in a minute. Over it: 429. */
export const SYNC_LOGS_PER_MINUTE = 60;

/** Tokens for voice that one account may ask for in a minute. Over it: 429. */
export const SYNC_VOICE_TOKENS_PER_MINUTE = 20;

/** How long a service of voice may take, milliseconds, and the bytes of its answer. Over it: there is no token. */
export const SYNC_VOICE_TIMEOUT_MS = 10_000;
export const SYNC_VOICE_ANSWER_MAX_BYTES = 256 * 1024;

/** Bytes of a body of the routes of sync that need no token. Over it: 413. */
export const SYNC_OPEN_BODY_MAX_BYTES = 64 * 1024;

/** Calls of `POST /v1/auth` per client address, or /64, and minute. Over it: 429. */
export const SYNC_SIGN_INS_PER_MINUTE_PER_ADDRESS = 300;

/** How often an account may sign in with its key in a minute. Over it: 429. */
export const SYNC_SIGN_INS_PER_MINUTE_PER_KEY = 60;

/** Pairings that a client address, or /64, may begin in ten minutes. Over it: 429. */
export const SYNC_PAIRINGS_PER_TEN_MINUTES_PER_ADDRESS = 100;

/** Polls of one pairing in a minute: terminals poll once a second (sync.md §0). Over it: 429. */
export const SYNC_PAIRING_POLLS_PER_MINUTE = 300;

/** Polls and look-ups of pairings per client address, or /64, and minute. Over it: 429. */
export const SYNC_PAIRING_POLLS_PER_MINUTE_PER_ADDRESS = 6_000;

/** How long a pairing lasts after its last poll or its approval, milliseconds (sync.md §0b.8). */
export const SYNC_PAIRING_TTL_MS = 15 * 60_000;

/** A poll of a pairing is written down if the last one that was is so old, milliseconds. */
export const SYNC_PAIRING_NOTED_EVERY_MS = 30_000;

/** How long the answer of a pairing may be had after it was picked up first, milliseconds (sync.md §0b.8). */
export const SYNC_PAIRING_PICK_UP_MS = 60_000;

/** Tokens that an isolate remembers as verified (sync.md §2.2). One more: the oldest is forgotten. */
export const SYNC_TOKENS_CACHED_MAX = 10_000;

/** How long a token is remembered as verified, milliseconds (sync.md §2.2). */
export const SYNC_TOKENS_CACHED_MS = 10 * 60_000;

/** How long an expired token can still be exchanged for a new one, milliseconds (sync.md §2.2). */
export const SYNC_TOKEN_REFRESH_MS = 7 * 24 * 60 * 60_000;

/** How long a token of one purpose is valid, milliseconds (sync.md §2.2). */
export const SYNC_EPHEMERAL_TOKEN_MS = 5 * 60_000;

/** Counters of one usage report of sync. Over it: `{success: false}`. */
export const SYNC_USAGE_COUNTERS_MAX = 64;

/** Users that a search finds (sync.md §3.9). Over it: 400. */
export const SYNC_USERS_FOUND_MAX = 50;
export const SYNC_USERS_FOUND_DEFAULT = 10;

/** Characters of the beginning of a username that is looked for (sync.md §3.9). Over it: 400. */
export const SYNC_USER_QUERY_MAX_LENGTH = 100;

/** Accounts of `GET /v1/friends`: friends first, then those who ask, then those who were asked. More are left out. */
export const SYNC_FRIENDS_LISTED_MAX = 1_000;

/** How long the feed does not tell the same of the same account again, milliseconds (sync.md §3.9). */
export const SYNC_NOTIFIED_AGAIN_MS = 24 * 60 * 60_000;

/** Posts that the feed of an account keeps. Others can cause them, so the oldest go. */
export const SYNC_FEED_POSTS_MAX = 10_000;

/** Messages of the outbox that a hub is told at once. */
export const SYNC_OUTBOX_MESSAGES_MAX = 50;

/** How long a hub remembers what it was told from the outbox, milliseconds: longer than a delivery can be under way. */
export const SYNC_OUTBOX_REMEMBERED_MS = 24 * 60 * 60_000;
