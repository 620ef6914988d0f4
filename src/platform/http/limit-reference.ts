import * as limits from "../../protocol/limits.ts";
import { htmlTable, inline, markdownTable, referencePage } from "./reference-page.ts";

type LimitName = keyof typeof limits;
const VALUES: Readonly<Record<LimitName, number>> = { ...limits };

type Rows = Readonly<Partial<Record<LimitName, string>>>;

/** What happens above each limit, or what the number means, by chapter. Markdown. */
const CHAPTERS = {
  HTTP: {
    REQUEST_BODY_MAX_BYTES: "413 `body_too_large`; counted while reading, whatever was declared",
    FILE_NAME_MAX_LENGTH: "the upload is refused; no area takes uploads yet",
    SIGNED_BODY_MAX_BYTES: "413 for `POST /internal/events`, before the signature is checked",
    ROOMS_PER_MINUTE_PER_USER: "429 `rate_limited` with `Retry-After` and the `RateLimit` fields",
    ROOMS_PER_MINUTE_PER_ADDRESS: "429; by `CF-Connecting-IP`, one IPv6 /64 is one client",
    TICKETS_PER_MINUTE: "429 for `POST /ws/ticket`, and for `/ws` with a token in its header",
    READY_FRESH_MS: "`GET /ready` looks again",
    USER_REQUESTS_PER_MINUTE:
      "429; counts lists, rooms, matches, people, ends of rooms and `/admin/…` together",
    IDEMPOTENCY_KEY_MAX_LENGTH: "400 `invalid_idempotency_key`; characters",
    IDEMPOTENCY_TTL_MS: "the key is free again",
    ROOMS_PAGE_MAX: "400 `invalid_request`",
    PEOPLE_PAGE_MAX: "400 `invalid_request`; also for a `q` with more characters than a name",
    PEOPLE_PAGE_DEFAULT: "entries of an answer of `GET /people` when `limit` is absent",
    ROOMS_PAGE_DEFAULT: "entries of a page when `limit` is absent",
  },
  Rooms: {
    ROOM_NAME_MAX_LENGTH: "the name is cut, by code points",
    ROOM_NAME_INPUT_MAX: "400 `invalid_request`",
    ROOM_USER_LIMIT_MAX: "400",
    ROOM_USER_LIMIT_DEFAULT: "for a room that names none",
    ROOM_ALLOWED_USERS_MAX: "400",
    ROOM_ENDS_PER_MINUTE: "429 for `DELETE /end-room/:channelId`",
    INVITES_PER_MINUTE: "429 for `POST /rooms/:channelId/invite`",
    INVITE_MAX_AGE_SECONDS: "400",
    PERSON_NAME_MAX_LENGTH: "the name is cut",
    PEOPLE_MAX: "the person who was seen longest ago is forgotten",
    PEOPLE_KEEP_MS: "forgotten",
    INVITE_MAX_USES: "400",
  },
  "Tokens and secrets": {
    JWT_CLOCK_SKEW_SECONDS: "401: a token is expired, or not valid yet",
    JWKS_REFETCH_COOLDOWN_MS: "an unknown key id fetches the provider's keys no sooner",
    JWT_KEY_CANDIDATES_MAX: "401: a token without `kid` is not tried with more keys",
    SECRET_MIN_LENGTH: "a secret with fewer characters stops the start",
    HUB_NAME_MAX_LENGTH: "close 4403; a guild's id has at most 20",
    SESSION_SCOPE_MAX_BYTES: "close 4403",
    SESSION_GRANTS_MAX_BYTES: "403: a token with more scopes does not fit a socket's memory",
  },
  "The stream `/ws`": {
    TICKET_TTL_MS: "401: get a new one",
    AUTHENTICATION_DEADLINE_MS: "close 4408; 4007 for sync",
    UNAUTHENTICATED_FRAMES_MAX: "close 4429",
    CLIENT_FRAME_MAX_BYTES: "close 1009",
    FRAME_DEPTH_MAX: "the frame is unusable; 400 for contents and broadcasts of sync",
    CLIENT_FRAMES_PER_WINDOW: "close 4429",
    CLIENT_FRAME_WINDOW_MS: "the window that the frames are counted in",
    BAD_FRAMES_MAX: "after this many unusable frames the socket closes with 4499",
    EPOCH_MAX_LENGTH:
      "`error` frame `invalid_frame`; in a query the position counts as unknown, or 400",
    SUBSCRIBE_CHANNELS_MAX: "`error` frame `invalid_frame`",
    TOPIC_MAX_LENGTH: "event `error` of Socket.IO: `invalid_frame`",
    SOCKETS_PER_USER: "the oldest socket closes with 4409",
    UNHEARD_GIVES_WAY_MS:
      "at the limit of a user, a socket that has sent nothing for longer closes first",
    CLOSING_SOCKETS_FACTOR:
      "503 at the upgrade: more than this many times `SOCKETS_PER_USER` were closed by us and are not gone",
    SOCKETS_PER_OBJECT: "503 at the upgrade, or close 1013",
    SOCKETS_PER_HUB: "from four fifths of it on, new clients go to a relay",
    SOCKETS_PER_RELAY: "from four fifths of it on, new clients go to the next relay",
    RELAY_KEEP_MS: "a relay that is not needed is released",
    RELAYS_PER_HUB: "503 at the upgrade when all are full",
    PLACEMENT_TTL_MS: "the hub is asked again where new clients go",
    ACCEPTS_PER_SECOND: "503 at the upgrade, once the burst is used up",
    ACCEPTS_BURST: "clients that an idle hub accepts at once",
    RETRY_WINDOW_MIN_MS: "`retryWindowMs` is never shorter",
    FIRST_FRAME_MS: "a client that has said nothing is greeted, if a dialect of `/ws` does that",
    UNAUTHENTICATED_SOCKETS_PER_ISOLATE: "503 at the upgrade; per isolate of the Worker",
    UNAUTHENTICATED_SOCKETS_PER_ADDRESS: "the same; one IPv6 /64 is one address",
    UNAUTHENTICATED_CLOSING_MS: "the place is free, although the client has not answered the close",
    UNAUTHENTICATED_ACCEPTS_PER_SECOND:
      "the same, once the burst is used up; clients with a ticket or header are not counted",
    UNAUTHENTICATED_ACCEPTS_BURST:
      "clients without ticket or header that an idle isolate accepts at once",
    UNAUTHENTICATED_ACCEPTS_PER_SECOND_PER_ADDRESS:
      "503 at the upgrade, once the burst is used up; one IPv6 /64 is one address",
    UNAUTHENTICATED_ACCEPTS_BURST_PER_ADDRESS: "the same, for one address",
    EXPIRY_WARNING_MS: "`auth.expiring` is sent this long before",
    CREDIT_WINDOW_BYTES: "the client lags: it is fed from the journal when it acknowledges",
    CREDIT_WINDOW_EVENTS: "the same",
    LAGGING_MAX_MS: "close 1013; resume later",
    UNACKNOWLEDGED_BYTES_MAX: "close 1013; resume later",
    SIGNAL_KEYS_MAX: "clients that lag miss the oldest",
    SIGNAL_MAX_BYTES: "nothing is sent; presence then has `users: null`",
    PRESENCE_DEBOUNCE_MS: "time from the first change of presence until it is sent",
    PRESENCE_USERS_MAX: "`users` is null, `count` goes on",
    PRESENCE_EXACT_USERS: "how many users are at two relays at once is estimated",
    REVOCATION_TTL_MS: "a revoked user's older tokens work again, unless they have expired",
    BATCH_WINDOW_MS: "with `?batch=1`: how long a later event of a burst waits",
    BATCH_EVENTS_MAX: "the rest goes into the next frame",
    BATCH_MAX_BYTES: "the same",
  },
  "Socket.IO, `/socket.io/`": {
    SOCKET_IO_CONNECT_DEADLINE_MS: "close 4408, or 4007 for sync: no CONNECT packet has come",
    SOCKET_IO_REFUSED_MS: "the server closes a client that it has refused",
    ENGINE_IO_PING_INTERVAL_MS: "the server pings this often",
    ENGINE_IO_PING_TIMEOUT_MS: "close 1001: a ping was not answered",
  },
  "The stream over HTTP, `/events`": {
    EVENT_REQUESTS_PER_MINUTE: "429 for `GET /events`",
    LONG_POLL_WAIT_MAX_SECONDS: "400 `invalid_request`; also the default of `wait`",
    LONG_POLL_EVENTS_MAX: "`more: true`: the rest is for the next call",
    LONG_POLL_BYTES_MAX: "the same; an event that is larger comes alone",
    EVENT_STREAM_KEEP_ALIVE_MS:
      "a comment, or a space before the answer of a long poll, is sent: it shows whether the client is still there",
  },
  "Sync, `/v1` to `/v3`": {
    SYNC_ID_MAX_LENGTH: "400",
    SYNC_STATE_MAX_LENGTH: "400; over a socket the result `error`",
    SYNC_CONTENT_MAX_LENGTH: "400, also for a broadcast; over a socket the message is dropped",
    SYNC_STATE_MAX_BYTES: "the same as `SYNC_STATE_MAX_LENGTH`",
    SYNC_CONTENT_MAX_BYTES: "the same as `SYNC_CONTENT_MAX_LENGTH`",
    SYNC_LIST_MAX_LENGTH:
      "the rest of a list is on its next page; KV is read in parts, other lists without pages end",
    SYNC_NEWEST_MAX: "older ones are in the lists with pages",
    SYNC_PAGE_MAX: "400",
    SYNC_PAGE_DEFAULT: "entries of a page when `limit` is absent",
    SYNC_ACTIVE_SESSIONS_MAX: "400",
    SYNC_ACTIVE_SESSIONS_DEFAULT: "the same for `GET /v2/sessions/active`",
    SYNC_LISTED_ACTIVE_MS: "the session is not in that list any more",
    SYNC_MESSAGES_PAGE_MAX: "400",
    SYNC_MESSAGES_PAGE_DEFAULT: "the same for messages of `/v3`",
    SYNC_MESSAGES_ADDED_MAX: "400",
    SYNC_ARTIFACT_MAX_BYTES: "413; on a socket the result is `error`",
    SYNC_ARTIFACTS_LISTED_MAX: "the artifacts changed longest ago are left out of the list",
    SYNC_ARTIFACTS_WAITING_MAX: "`artifact-create` has the result `error`",
    SYNC_ARTIFACT_CLAIM_MS: "an id that was claimed for no artifact is released",
    SYNC_ARTIFACT_RELEASE_RETRY_MS: "the release of an artifact's id is tried again",
    SYNC_NAME_MAX_LENGTH: "400",
    SYNC_USERNAME_MIN_LENGTH: "400 for a shorter name",
    SYNC_USERNAME_MAX_LENGTH: "400",
    SYNC_SETTINGS_COPIED_MS: "changed settings are copied to D1",
    SYNC_SEQ_COPIED_MS: "the number of the newest update is copied to D1",
    SYNC_KV_KEY_MAX_LENGTH: "400",
    SYNC_KV_VALUE_MAX_LENGTH: "400",
    SYNC_KV_BATCH_MAX: "400",
    SYNC_KV_PAGE_MAX: "400",
    SYNC_KV_PAGE_DEFAULT: "the same for `GET /v1/kv`",
    SYNC_KV_UPDATE_MAX_BYTES: "the rest of a batch comes in a further update",
    SYNC_PUSH_TITLE_MAX_LENGTH: "400",
    SYNC_PUSH_BODY_MAX_LENGTH: "400",
    SYNC_DATA_KEY_MAX_LENGTH: "400",
    SYNC_TOKEN_MAX_LENGTH: "401; 400 for a token that is kept for devices or of a vendor",
    SYNC_BODY_MAX_BYTES: "413",
    SYNC_BODY_PARTS_MAX: "400, before the body is parsed",
    SYNC_ENVELOPE_MAX_LENGTH:
      "400, before the body is parsed; with escapes it may have six times as many bytes",
    SYNC_FRAME_MAX_BYTES: "close 1009; Engine.IO clients are told as `maxPayload`",
    SYNC_CALL_MAX_BYTES: '`{ok: false, error: "Payload too large"}`',
    SYNC_SOCKETS_PER_ACCOUNT: "the new socket is refused with 4005",
    SYNC_FRAMES_BEFORE_AUTH: "close 4429",
    SYNC_FRAMES_PER_WINDOW: "close 4429; counted in the same window as others",
    SYNC_WINDOW_BYTES: "the same as `CREDIT_WINDOW_BYTES` for others",
    SYNC_CONNECTIONS_PER_MINUTE: "429 for an upgrade or a ticket, otherwise close 1013",
    SYNC_REQUESTS_PER_MINUTE: "429",
    SYNC_CALL_TIMEOUT_MS: '`{ok: false, error: "RPC timed out"}`',
    SYNC_CALL_GRACE_MS: '`{ok: false, error: "RPC method not available"}`',
    SYNC_CALLS_WAITING_MAX: '`{ok: false, error: "Too many RPC calls are waiting"}`',
    SYNC_CALLS_WAITING_LENGTH_MAX: "the same",
    SYNC_UNACKNOWLEDGED_BYTES_MAX: "close 1013; read by REST what was missed",
    SYNC_METHODS_PER_CONNECTION: "`rpc-error`; the others stay registered",
    SYNC_INACTIVE_AFTER_MS: "the session or machine counts as inactive",
    SYNC_ALIVE_EVERY_MS:
      "a beat is told and written at most this often, unless it changes something",
    SYNC_ALIVE_QUIET_MS: "beats of an ended session count again",
    SYNC_UNHEARD_MS: "the client is not counted, and keeps no machine active",
    SYNC_ALIVE_FILTER_MAX: "the next beat of each goes to the hub",
    SYNC_UPDATE_MAX_BYTES: "cannot be reached: contents and states are smaller",
    SYNC_JOURNAL_MAX_AGE_MS: "the oldest updates go; clients read them by REST",
    SYNC_JOURNAL_MAX_EVENTS: "the same",
    SYNC_JOURNAL_MAX_BYTES: "the same",
    SYNC_USAGE_COUNTERS_MAX: "`{success: false}`; nothing is kept",
    SYNC_USERS_FOUND_MAX: "400",
    SYNC_USERS_FOUND_DEFAULT: "the same for a search of users",
    SYNC_USER_QUERY_MAX_LENGTH: "400",
    SYNC_FRIENDS_LISTED_MAX: "left out: friends come first, then those who ask",
    SYNC_NOTIFIED_AGAIN_MS: "the feed tells the same of the same account again",
    SYNC_FEED_POSTS_MAX: "the oldest posts go",
    SYNC_OUTBOX_MESSAGES_MAX: "the hub is told the rest in further calls",
    SYNC_OUTBOX_REMEMBERED_MS: "the hub forgets that it was told; no delivery takes so long",
    SYNC_PING_INTERVAL_MS: "how often an Engine.IO client is pinged",
    SYNC_PING_TIMEOUT_MS: "close 1001: a ping was not answered",
    SYNC_LOG_MESSAGE_MAX_BYTES: "413 for a line for the log",
    SYNC_LOG_RAW_MAX_BYTES: "the same",
    SYNC_LOG_BODY_MAX_BYTES: "the same",
    SYNC_LOGS_PER_MINUTE: "429 for lines of this source and address",
    SYNC_VOICE_TOKENS_PER_MINUTE: "429 for `POST /v1/voice/token`",
    SYNC_VOICE_TIMEOUT_MS: "ElevenLabs: 400; RevenueCat: the account may not speak",
    SYNC_VOICE_ANSWER_MAX_BYTES: "the same",
    SYNC_OPEN_BODY_MAX_BYTES: "413 for sign-in and for the polls of pairings",
    SYNC_SIGN_INS_PER_MINUTE_PER_ADDRESS: "429 for `POST /v1/auth`",
    SYNC_SIGN_INS_PER_MINUTE_PER_KEY: "429; only sign-ins with a good signature count",
    SYNC_PAIRINGS_PER_TEN_MINUTES_PER_ADDRESS:
      "429 for the first request of a pairing; its polls do not count",
    SYNC_PAIRING_POLLS_PER_MINUTE: "429 for polls of this pairing",
    SYNC_PAIRING_POLLS_PER_MINUTE_PER_ADDRESS: "429 for polls and look-ups of pairings",
    SYNC_PAIRING_TTL_MS: "a pairing that nobody approved, or picked up, is deleted",
    SYNC_PAIRING_NOTED_EVERY_MS: "a poll is written down, which keeps its pairing",
    SYNC_PAIRING_PICK_UP_MS: "the pairing is deleted",
    SYNC_TOKENS_CACHED_MAX: "the token that was remembered first is verified anew; per isolate",
    SYNC_TOKENS_CACHED_MS: "the token is verified anew",
    SYNC_TOKEN_REFRESH_MS: "401 for `POST /v1/auth/refresh`",
    SYNC_EPHEMERAL_TOKEN_MS: "the token is refused",
  },
  "Calls between clients": {
    CALLS_PER_TARGET: "the call fails at once; in sync `Too many RPC calls are waiting`",
    CALLS_PER_HUB: "the same",
    CALLS_PER_CALLER_ALWAYS: "`CALLS_PER_TARGET` applies to this caller as well",
    CALLS_WAITING_PER_CALLER_BYTES: "as for `CALLS_PER_TARGET`",
    CALLS_WAITING_PER_HUB_BYTES: "the same, unless nothing else of this caller waits",
    OWED_WAITING_BYTES: "close 1013",
  },
  "The journal": {
    JOURNAL_MAX_AGE_MS: "the oldest events go; a resume from before them gets a snapshot",
    JOURNAL_MAX_EVENTS: "the same",
    JOURNAL_MAX_BYTES: "the same",
    EVENT_PAYLOAD_MAX_BYTES: "the publish is refused; nothing is journaled",
    DEDUPE_TTL_MS: "a repeated key counts as new",
  },
  "Signed events and the gateway-worker": {
    SIGNED_BATCH_MAX: "400 `invalid_event`",
    HELD_EVENTS_MAX:
      "503: events of channels that may be rooms in creation; the publisher sends them again",
    SIGNATURE_MAX_SKEW_SECONDS: "403 `bad_signature`",
    SIGNATURES_MAX: "further signatures in one header are ignored",
    PUBLISHER_EPOCH_AHEAD_MAX_MS: "409 `future_epoch`",
    PUBLISHER_SEQ_JUMP_MAX: "409 `gap`, also for a snapshot",
    OUTBOX_MAX_EVENTS: "a snapshot of the guild replaces its events",
    OUTBOX_MAX_BYTES: "the same",
    GATEWAY_HEARTBEAT_INTERVAL_MS: "how often the container sends a heartbeat",
    GATEWAY_HEARTBEAT_TIMEOUT_MS: "the gateway counts as down",
  },
  "Limits of others": {
    RETRY_AFTER_MAX_MS: "a longer `Retry-After` counts as this",
    OUTSIDE_PAUSE_MAX_MS: "one call probes whether Discord's edge, or FACEIT, accepts calls again",
  },
  "Matches and links": {
    WEBHOOK_BODY_MAX_BYTES: "413 for `POST /faceit-webhook`",
    INTERACTION_BODY_MAX_BYTES: "413 for `POST /interactions`",
    INTERACTION_MAX_SKEW_SECONDS: "401: the signature is too old, or from the future",
    INTERACTION_DEADLINE_MS: "the command answers that it takes longer",
    LOOKUPS_PER_MINUTE: "`/whois` and `/register` ask the user to wait",
    LINK_TTL_MS: "the link has expired: use `/link` again",
    LINKS_PER_TEN_MINUTES: "`/link` asks the user to wait",
    LINK_STEPS_PER_MINUTE_PER_ADDRESS: "429 for `/faceit/link` and `/faceit/callback`",
    MATCHES_PAGE_MAX: "400 `invalid_request`",
    MATCHES_PAGE_DEFAULT: "entries of a page when `limit` is absent",
    SNAPSHOT_MATCHES_MAX: "older ones are in `GET /matches`",
    MATCH_PLAYERS_PER_SIDE_MAX: "the players after these are left out",
    TROUBLE_TOLD_AGAIN_MS:
      "the notice channel of a guild is told again why its matches do not work",
    MATCH_DEMOS_MAX: "the recordings after these are left out",
    FACEIT_ANSWER_MAX_BYTES: "the answer counts as a failure",
    FACEIT_TIMEOUT_MS: "the same",
    FACEIT_FRESH_MS: "FACEIT is asked again",
    MATCH_TOMBSTONE_MS: "the match is forgotten",
    MATCH_KEEP_MS: "an ended match is deleted from the list",
    LINK_AUDIT_KEEP_MS: "the entry is deleted",
    ORPHAN_MIN_AGE_MS: "a channel of ours that no match owns is deleted",
  },
} as const satisfies Readonly<Record<string, Rows>>;

type Chapters = typeof CHAPTERS;
type Explained = { [Title in keyof Chapters]: keyof Chapters[Title] }[keyof Chapters];
/** A compile error names each limit that no chapter explains. */
type Complete = [Exclude<LimitName, Explained>] extends [never]
  ? object
  : Exclude<LimitName, Explained>;

const HEAD = ["constant", "value", "over it"];
const RATES =
  "Rate limits are exact and smooth (GCRA): the whole quota may be used at once, then it comes back evenly over the minute. Replays of an idempotency key are not counted.";

/** `docs/limits.md`. */
export function limitsPage(): string {
  return `# Limits

Written by \`npm run spec\` from \`src/protocol/limits.ts\`. A test goes over each limit. What holds when a
parameter is absent (\`…_DEFAULT\`) is in \`/openapi.json\` too.

${chapters((title, rows) => `## ${title}\n\n${markdownTable(HEAD, rows)}`).join("\n\n")}

${RATES}
`;
}

/** The same page as HTML. */
export function limitsHtml(): string {
  const tables = chapters((title, rows) => `<h2>${inline(title)}</h2>${htmlTable(HEAD, rows)}`);
  return referencePage("Limits", `${tables.join("\n")}<h2>Rates</h2><p>${inline(RATES)}</p>`);
}

function chapters(write: (title: string, rows: readonly string[][]) => string): string[] {
  return Object.entries<Rows>(CHAPTERS satisfies Complete).map(([title, texts]) => {
    const rows = Object.entries(texts) as [LimitName, string][];
    return write(
      title,
      rows.map(([name, text]) => [`\`${name}\``, valueOf(name), text]),
    );
  });
}

/** A limit for people, without rounding. The end of its name is its unit. */
function valueOf(name: LimitName): string {
  const value = VALUES[name];
  if (/_BYTES(_MAX)?$/.test(name)) return inUnits(value, BYTES);
  if (name.endsWith("_MS")) return inUnits(value, TIMES);
  return name.endsWith("_SECONDS") ? inUnits(value * 1000, TIMES) : number(value);
}

type Units = readonly (readonly [size: number, name: string])[];
const BYTES: Units = [
  [1024 * 1024, "MiB"],
  [1024, "KiB"],
  [1, "bytes"],
];
const TIMES: Units = [
  [86_400_000, "d"],
  [3_600_000, "h"],
  [60_000, "min"],
  [1_000, "s"],
  [1, "ms"],
];

function inUnits(value: number, units: Units): string {
  const [size, unit] = units.find(([one]) => value % one === 0) ?? [1, ""];
  return `${number(value / size)} ${unit}`;
}

function number(value: number): string {
  return value.toLocaleString("en");
}
