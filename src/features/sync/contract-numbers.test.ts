import { describe, expect, it } from "vitest";
import {
  AUTHENTICATION_DEADLINE_MS,
  SOCKET_IO_CONNECT_DEADLINE_MS,
  SYNC_ACTIVE_SESSIONS_DEFAULT,
  SYNC_ACTIVE_SESSIONS_MAX,
  SYNC_ALIVE_EVERY_MS,
  SYNC_ALIVE_QUIET_MS,
  SYNC_BODY_MAX_BYTES,
  SYNC_CALL_GRACE_MS,
  SYNC_CALL_MAX_BYTES,
  SYNC_CALL_TIMEOUT_MS,
  SYNC_CONTENT_MAX_LENGTH,
  SYNC_DATA_KEY_MAX_LENGTH,
  SYNC_EPHEMERAL_TOKEN_MS,
  SYNC_FRAME_MAX_BYTES,
  SYNC_ID_MAX_LENGTH,
  SYNC_INACTIVE_AFTER_MS,
  SYNC_KV_BATCH_MAX,
  SYNC_KV_KEY_MAX_LENGTH,
  SYNC_KV_PAGE_DEFAULT,
  SYNC_KV_PAGE_MAX,
  SYNC_KV_VALUE_MAX_LENGTH,
  SYNC_LISTED_ACTIVE_MS,
  SYNC_LOG_BODY_MAX_BYTES,
  SYNC_LOG_MESSAGE_MAX_BYTES,
  SYNC_LOG_RAW_MAX_BYTES,
  SYNC_LOGS_PER_MINUTE,
  SYNC_MESSAGES_ADDED_MAX,
  SYNC_MESSAGES_PAGE_DEFAULT,
  SYNC_MESSAGES_PAGE_MAX,
  SYNC_NAME_MAX_LENGTH,
  SYNC_NEWEST_MAX,
  SYNC_PAGE_DEFAULT,
  SYNC_PAGE_MAX,
  SYNC_PAIRING_PICK_UP_MS,
  SYNC_PAIRING_TTL_MS,
  SYNC_PUSH_BODY_MAX_LENGTH,
  SYNC_PUSH_TITLE_MAX_LENGTH,
  SYNC_SOCKETS_PER_ACCOUNT,
  SYNC_STATE_MAX_LENGTH,
  SYNC_TOKEN_MAX_LENGTH,
  SYNC_TOKEN_REFRESH_MS,
  SYNC_USERNAME_MAX_LENGTH,
  SYNC_USERNAME_MIN_LENGTH,
  TICKET_TTL_MS,
  UNAUTHENTICATED_SOCKETS_PER_ADDRESS,
} from "../../protocol/limits.ts";

/**
 * Other tests use the constants, so they would go along with one that is changed by mistake. Published clients would
 * not: they rely on these numbers.
 */
describe("the numbers of the contract (sync.md)", () => {
  it("of §1 are these", () => {
    expect({
      SYNC_ID_MAX_LENGTH,
      SYNC_DATA_KEY_MAX_LENGTH,
      SYNC_TOKEN_MAX_LENGTH,
      SYNC_KV_KEY_MAX_LENGTH,
      SYNC_KV_VALUE_MAX_LENGTH,
    }).toEqual({
      SYNC_ID_MAX_LENGTH: 128,
      SYNC_DATA_KEY_MAX_LENGTH: 256,
      SYNC_TOKEN_MAX_LENGTH: 8_192,
      SYNC_KV_KEY_MAX_LENGTH: 256,
      SYNC_KV_VALUE_MAX_LENGTH: 65_536,
    });
  });

  it("of §0b.15 are these", () => {
    expect({ SYNC_STATE_MAX_LENGTH, SYNC_CONTENT_MAX_LENGTH }).toEqual({
      SYNC_STATE_MAX_LENGTH: 500_000,
      SYNC_CONTENT_MAX_LENGTH: 1_000_000,
    });
  });

  it("of §0b.12 are these", () => {
    expect({ SYNC_FRAME_MAX_BYTES, SYNC_CALL_MAX_BYTES }).toEqual({
      SYNC_FRAME_MAX_BYTES: 2_097_152,
      SYNC_CALL_MAX_BYTES: 1_048_576,
    });
  });

  it("of §0b.13 are these", () => {
    expect({ SYNC_BODY_MAX_BYTES }).toEqual({
      SYNC_BODY_MAX_BYTES: 10 * 1024 * 1024,
    });
  });

  it("of §0b.20 are these", () => {
    expect({ SYNC_SOCKETS_PER_ACCOUNT, UNAUTHENTICATED_SOCKETS_PER_ADDRESS }).toEqual({
      SYNC_SOCKETS_PER_ACCOUNT: 100,
      UNAUTHENTICATED_SOCKETS_PER_ADDRESS: 50,
    });
  });

  it("of §0b.21 are these", () => {
    expect({ AUTHENTICATION_DEADLINE_MS, SOCKET_IO_CONNECT_DEADLINE_MS }).toEqual({
      AUTHENTICATION_DEADLINE_MS: 5_000,
      SOCKET_IO_CONNECT_DEADLINE_MS: 20_000,
    });
  });

  it("of §6.2 are these", () => {
    expect({ TICKET_TTL_MS }).toEqual({
      TICKET_TTL_MS: 30_000,
    });
  });

  it("of §0b.4 are these", () => {
    expect({ SYNC_CALL_GRACE_MS, SYNC_CALL_TIMEOUT_MS }).toEqual({
      SYNC_CALL_GRACE_MS: 3_000,
      SYNC_CALL_TIMEOUT_MS: 30_000,
    });
  });

  it("of §0a are these", () => {
    expect({ SYNC_ALIVE_EVERY_MS }).toEqual({
      SYNC_ALIVE_EVERY_MS: 30_000,
    });
  });

  it("of §0b.14 are these", () => {
    expect({ SYNC_ALIVE_QUIET_MS }).toEqual({
      SYNC_ALIVE_QUIET_MS: 60_000,
    });
  });

  it("of §4 are these", () => {
    expect({
      SYNC_INACTIVE_AFTER_MS,
      SYNC_MESSAGES_PAGE_MAX,
      SYNC_MESSAGES_PAGE_DEFAULT,
      SYNC_MESSAGES_ADDED_MAX,
      SYNC_PUSH_TITLE_MAX_LENGTH,
      SYNC_PUSH_BODY_MAX_LENGTH,
    }).toEqual({
      SYNC_INACTIVE_AFTER_MS: 10 * 60_000,
      SYNC_MESSAGES_PAGE_MAX: 500,
      SYNC_MESSAGES_PAGE_DEFAULT: 100,
      SYNC_MESSAGES_ADDED_MAX: 100,
      SYNC_PUSH_TITLE_MAX_LENGTH: 200,
      SYNC_PUSH_BODY_MAX_LENGTH: 500,
    });
  });

  it("of §3.3 are these", () => {
    expect({
      SYNC_LISTED_ACTIVE_MS,
      SYNC_ACTIVE_SESSIONS_MAX,
      SYNC_ACTIVE_SESSIONS_DEFAULT,
    }).toEqual({
      SYNC_LISTED_ACTIVE_MS: 15 * 60_000,
      SYNC_ACTIVE_SESSIONS_MAX: 500,
      SYNC_ACTIVE_SESSIONS_DEFAULT: 150,
    });
  });

  it("of §3.8 are these", () => {
    expect({
      SYNC_NAME_MAX_LENGTH,
      SYNC_USERNAME_MIN_LENGTH,
      SYNC_USERNAME_MAX_LENGTH,
    }).toEqual({
      SYNC_NAME_MAX_LENGTH: 100,
      SYNC_USERNAME_MIN_LENGTH: 3,
      SYNC_USERNAME_MAX_LENGTH: 50,
    });
  });

  it("of §3.10 are these", () => {
    expect({
      SYNC_LOG_MESSAGE_MAX_BYTES,
      SYNC_LOG_RAW_MAX_BYTES,
      SYNC_LOG_BODY_MAX_BYTES,
      SYNC_LOGS_PER_MINUTE,
    }).toEqual({
      SYNC_LOG_MESSAGE_MAX_BYTES: 50 * 1024,
      SYNC_LOG_RAW_MAX_BYTES: 100 * 1024,
      SYNC_LOG_BODY_MAX_BYTES: 200 * 1024,
      SYNC_LOGS_PER_MINUTE: 60,
    });
  });

  it("of §3.11 are these", () => {
    expect({ SYNC_KV_BATCH_MAX, SYNC_KV_PAGE_MAX, SYNC_KV_PAGE_DEFAULT }).toEqual({
      SYNC_KV_BATCH_MAX: 100,
      SYNC_KV_PAGE_MAX: 1_000,
      SYNC_KV_PAGE_DEFAULT: 100,
    });
  });

  it("of §0b.8 are these", () => {
    expect({ SYNC_PAIRING_TTL_MS, SYNC_PAIRING_PICK_UP_MS }).toEqual({
      SYNC_PAIRING_TTL_MS: 15 * 60_000,
      SYNC_PAIRING_PICK_UP_MS: 60_000,
    });
  });

  it("of §2.2 are these", () => {
    expect({ SYNC_EPHEMERAL_TOKEN_MS, SYNC_TOKEN_REFRESH_MS }).toEqual({
      SYNC_EPHEMERAL_TOKEN_MS: 5 * 60_000,
      SYNC_TOKEN_REFRESH_MS: 7 * 24 * 60 * 60_000,
    });
  });

  it("of §3.3, §4 are these", () => {
    expect({ SYNC_NEWEST_MAX }).toEqual({
      SYNC_NEWEST_MAX: 150,
    });
  });

  it("of §3.3, §3.4, §4 are these", () => {
    expect({ SYNC_PAGE_MAX, SYNC_PAGE_DEFAULT }).toEqual({
      SYNC_PAGE_MAX: 200,
      SYNC_PAGE_DEFAULT: 50,
    });
  });
});
