import { describe, expect, it } from "vitest";
import { areaNames, parseConfig } from "./config.ts";
import { roomsConfigOf } from "./features/rooms/config.ts";
import { matchesConfigOf, matchSettingsOf } from "./features/matches/config.ts";
import { pagePartners } from "./page-config.ts";
import { ConfigError } from "./platform/variables.ts";
import { SECRET_MIN_LENGTH } from "./protocol/limits.ts";

const SECRET = "0123456789abcdef0123456789abcdef";

const PRIMARY = "100000000000000001";

const VARIABLES = {
  PRIMARY_GUILD_ID: PRIMARY,
  HUB_SECRET: SECRET,
  DISCORD_BOT_TOKEN: `bot-${SECRET}`,
  JWT_ISSUER: "https://idp.test",
  JWT_AUDIENCE: "guildhub",
  JWT_PUBLIC_JWK_URL: "https://idp.test/jwks",
  WEB_ORIGIN: "https://a.test, http://localhost:8787",
};

/** The error message for these variables. */
function refusal(changes: Readonly<Record<string, string | undefined>>): string {
  try {
    parseConfig({ ...VARIABLES, ...changes });
  } catch (error) {
    if (error instanceof ConfigError) return error.message;
    throw error;
  }
  return "";
}

describe("the variables of the Worker (rooms.md §6)", () => {
  it("are read, with defaults for optional ones", () => {
    const { rooms, matches } = parseConfig(VARIABLES);
    expect({ ...rooms, ...matches }).toEqual({
      primaryGuildId: "100000000000000001",
      hubSecrets: [SECRET],
      discordBotToken: `bot-${SECRET}`,
      discordApiUrl: "https://discord.com/api/v10",
      jwt: {
        issuer: "https://idp.test",
        audience: "guildhub",
        jwksUrl: "https://idp.test/jwks",
      },
      oidcClientId: undefined,
      webOrigins: ["https://a.test", "http://localhost:8787"],
      socketsPerHub: 10_000,
      socketsPerRelay: 20_000,
      roomNamePrefix: "spell-coven",
      roomIdleMs: 15 * 60_000,
      discordApp: {
        id: undefined,
        publicKey: undefined,
        clientSecret: undefined,
        authorizeUrl: "https://discord.com/oauth2/authorize",
      },
      faceit: {
        webhookSecrets: [],
        webhookHeader: "X-Webhook-Secret",
        webhookQuery: undefined,
        apiKey: undefined,
        apiUrl: "https://open.faceit.com/data/v4",
        oauth: undefined,
        organizers: [],
      },
      match: {
        guilds: new Map(),
        elsewhere: {
          categoryId: undefined,
          lobbyId: undefined,
          moveFrom: "anywhere",
          noticeChannelId: undefined,
          staffRoleId: undefined,
          graceMs: 60_000,
          skipEmptyFactions: false,
        },
      },
    });
  });

  it("count as not set when they are empty", () => {
    const empty = {
      HUB_SECRET_PREVIOUS: "",
      OIDC_CLIENT_ID: "",
      ROOM_IDLE_MINUTES: "",
      DISCORD_API_URL: "",
    };
    expect(parseConfig({ ...VARIABLES, ...empty })).toEqual(parseConfig(VARIABLES));
    expect(refusal({ JWT_ISSUER: "" })).toContain("JWT_ISSUER");
  });

  it("may have a previous secret, no idle end, and a URL with a slash at its end", () => {
    const config = roomsConfigOf({
      ...VARIABLES,
      HUB_SECRET_PREVIOUS: SECRET.toUpperCase(),
      ROOM_IDLE_MINUTES: "0",
      DISCORD_API_URL: "http://127.0.0.1:8789/api/v10/",
    });
    expect(config.hubSecrets).toEqual([SECRET, SECRET.toUpperCase()]);
    expect(config.roomIdleMs).toBe(0);
    expect(config.discordApiUrl).toBe("http://127.0.0.1:8789/api/v10");
  });

  it("that still hold the placeholder of wrangler.toml are refused", () => {
    const guild = "replace-with-your-guild-id";
    expect(refusal({ PRIMARY_GUILD_ID: guild })).toContain(
      "PRIMARY_GUILD_ID: still the placeholder",
    );
  });

  it("are all named when several are wrong, without their values", () => {
    const message = refusal({ JWT_ISSUER: undefined, HUB_SECRET: "hunter2", WEB_ORIGIN: "nope" });
    for (const name of ["JWT_ISSUER", "HUB_SECRET", "WEB_ORIGIN"]) expect(message).toContain(name);
    expect(message).not.toContain("hunter2");
  });

  it.each(Object.keys(VARIABLES))("%s cannot be left out", (name) => {
    expect(refusal({ [name]: undefined })).toContain(name);
  });

  it.each([
    ["HUB_SECRET", "s".repeat(SECRET_MIN_LENGTH)],
    ["HUB_SECRET", SECRET.slice(1)],
    ["HUB_SECRET_PREVIOUS", "short"],
    ["DISCORD_BOT_TOKEN", "change-me"],
    ["JWT_ISSUER", "idp.test"],
    ["JWT_PUBLIC_JWK_URL", "file:///etc/passwd"],
    ["WEB_ORIGIN", "https://a.test/"],
    ["WEB_ORIGIN", "https://a.test/path"],
    ["WEB_ORIGIN", "*"],
    ["WEB_ORIGIN", "https://a.test,"],
    ["PRIMARY_GUILD_ID", "a b"],
    ["ROOM_IDLE_MINUTES", "-1"],
    ["ROOM_IDLE_MINUTES", "soon"],
    ["ROOM_NAME_PREFIX", "x".repeat(81)],
    ["FACEIT_REDIRECT_URI", "http://hub.test/faceit/callback"],
    ["FACEIT_REDIRECT_URI", "http://127.0.0.1.hub.test/faceit/callback"],
  ])("%s cannot be %s", (name, value) => {
    expect(refusal({ [name]: value })).toContain(name);
  });

  it("map the organizers of our matches to guilds", () => {
    const { faceit } = matchesConfigOf({ ...VARIABLES, FACEIT_ORGANIZERS: "org-1, hub-2=200, " });
    expect(faceit.organizers).toEqual([
      { id: "org-1", guildId: null },
      { id: "hub-2", guildId: "200" },
    ]);
    expect(refusal({ FACEIT_ORGANIZERS: "org 1" })).toContain("FACEIT_ORGANIZERS");
    expect(refusal({ FACEIT_ORGANIZERS: "org=a/b" })).toContain("FACEIT_ORGANIZERS");
    expect(refusal({ FACEIT_ORGANIZERS: "org=200=300" })).toContain("FACEIT_ORGANIZERS");
  });

  it("let players be moved from the lobby if the guild has one, unless MATCH_MOVE_FROM is set", () => {
    const moveFrom = (variables: Readonly<Record<string, string>>): string =>
      matchSettingsOf(matchesConfigOf({ ...VARIABLES, ...variables }), PRIMARY).moveFrom;
    expect(moveFrom({ LOBBY_VC_ID: "12" })).toBe("lobby");
    expect(moveFrom({ LOBBY_VC_ID: "12", MATCH_MOVE_FROM: "anywhere" })).toBe("anywhere");
    expect(moveFrom({ LOBBY_VC_ID: "12=200" })).toBe("anywhere");
    expect(refusal({ MATCH_MOVE_FROM: "somewhere" })).toContain("MATCH_MOVE_FROM");
  });

  it("give each guild its own category, lobby, notice channel and staff role", () => {
    const config = matchesConfigOf({
      ...VARIABLES,
      VC_CATEGORY_ID: "10, 20=200",
      LOBBY_VC_ID: "12",
      MATCH_NOTICE_CHANNEL_ID: "23=200",
      MATCH_STAFF_ROLE_ID: `14=${PRIMARY}`,
    });
    const shared = { graceMs: 60_000, skipEmptyFactions: false };
    expect(matchSettingsOf(config, PRIMARY)).toEqual({
      ...shared,
      categoryId: "10",
      lobbyId: "12",
      moveFrom: "lobby",
      noticeChannelId: undefined,
      staffRoleId: "14",
    });
    expect(matchSettingsOf(config, "200")).toEqual({
      ...shared,
      categoryId: "20",
      lobbyId: undefined,
      moveFrom: "anywhere",
      noticeChannelId: "23",
      staffRoleId: undefined,
    });
    expect(matchSettingsOf(config, "300")).toEqual({
      ...shared,
      categoryId: undefined,
      lobbyId: undefined,
      moveFrom: "anywhere",
      noticeChannelId: undefined,
      staffRoleId: undefined,
    });
  });

  it.each(["VC_CATEGORY_ID", "LOBBY_VC_ID", "MATCH_NOTICE_CHANNEL_ID", "MATCH_STAFF_ROLE_ID"])(
    "%s has one id for each guild",
    (name) => {
      const wrong = [
        "a b",
        "=200",
        "1=",
        "1=2=3",
        "1=t/o",
        "1=200,2=200",
        `1,2=${PRIMARY}`,
        "1,1=200",
      ];
      for (const value of wrong) expect(refusal({ [name]: value })).toContain(name);
      expect(refusal({ [name]: "1, 2=200," })).toBe("");
    },
  );

  it("accept two webhook secrets while one is rotated", () => {
    const secrets = {
      FACEIT_WEBHOOK_SECRET: `new-${SECRET}`,
      FACEIT_WEBHOOK_SECRET_PREVIOUS: `old-${SECRET}`,
    };
    expect(matchesConfigOf({ ...VARIABLES, ...secrets }).faceit.webhookSecrets).toEqual([
      `new-${SECRET}`,
      `old-${SECRET}`,
    ]);
    expect(refusal({ FACEIT_WEBHOOK_SECRET: "short" })).toContain("FACEIT_WEBHOOK_SECRET");
  });
});

describe("AREAS (ARCHITECTURE.md §4)", () => {
  it("is optional: without it, all configured areas run", () => {
    expect(areaNames(VARIABLES)).toEqual(["rooms", "matches"]);
    expect(areaNames({ ...VARIABLES, AREAS: "" })).toEqual(["rooms", "matches"]);
    expect(areaNames({ ...VARIABLES, AREAS: " matches, rooms " })).toEqual(["rooms", "matches"]);
    expect(areaNames({ ...VARIABLES, AREAS: "rooms" })).toEqual(["rooms"]);
    // Rooms are half configured: the area must run, so that its missing variables are named.
    expect(areaNames({ PRIMARY_GUILD_ID: PRIMARY })).toContain("rooms");
    expect(refusal({ DISCORD_BOT_TOKEN: undefined })).toContain("DISCORD_BOT_TOKEN");
  });

  it("reads no variable of an area that does not run", () => {
    const broken = { FACEIT_REDIRECT_URI: "nowhere", VC_CATEGORY_ID: "a b" };
    expect(refusal(broken)).toContain("FACEIT_REDIRECT_URI");
    expect(refusal({ ...broken, AREAS: "rooms" })).toBe("");
    expect(parseConfig({ ...VARIABLES, ...broken, AREAS: "rooms" })).not.toHaveProperty("matches");
  });

  it.each([
    ["an unknown name", { AREAS: "rooms,chess" }, 'there is no area "chess", but rooms, matches'],
    ["an area without another that it needs", { AREAS: "matches" }, "matches needs rooms"],
    ["no name", { AREAS: "," }, "AREAS: it names no area, but may name rooms, matches"],
  ])("refuses %s", (_, changes, reason) => {
    expect(refusal(changes)).toContain(reason);
  });

  it("names the variables to set when none is set", () => {
    expect(() => parseConfig({})).toThrow(
      "no area is set up. Set PRIMARY_GUILD_ID or DISCORD_BOT_TOKEN for rooms",
    );
  });
});

describe("the origins that the page's scripts may call", () => {
  const both = [{ name: "rooms" }, { name: "matches" }];
  const variables = { ...VARIABLES, DISCORD_API_URL: "https://discord.test/api/v10" };
  const local = { ...variables, FACEIT_API_URL: "http://127.0.0.1:8791/data/v4" };

  it("are the provider, Discord and a local FACEIT, but not the real FACEIT", () => {
    expect(pagePartners(both)(variables)).toEqual({
      issuer: "https://idp.test",
      origins: ["https://idp.test", "https://discord.test"],
    });
    expect(pagePartners(both)(local)?.origins).toContain("http://127.0.0.1:8791");
  });

  it("have no FACEIT without matches, and do not exist without rooms and sync", () => {
    expect(pagePartners([{ name: "rooms" }])(local)?.origins).toHaveLength(2);
    expect(pagePartners([{ name: "sync" }])({})).toEqual({ issuer: null, origins: [] });
    expect(pagePartners([{ name: "notes" }])({})).toBeNull();
  });
});
