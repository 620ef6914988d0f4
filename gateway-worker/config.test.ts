import { describe, expect, test } from "vitest";
import { parseConfig } from "./config.ts";

const GOOD = {
  DISCORD_BOT_TOKEN: "config-test-bot-token-0123456789-abcdef",
  PRIMARY_GUILD_ID: "100000000000000001",
  HUB_ENDPOINT: "https://hub.test/internal/events",
  HUB_SECRET: "config-test-hub-secret-0123456789-abcde",
};

function message(environment: Record<string, string | undefined>): string {
  const parsed = parseConfig(environment);
  return parsed.ok ? "" : parsed.message;
}

test("four variables are enough", () => {
  expect(parseConfig(GOOD)).toEqual({
    ok: true,
    config: {
      discordBotToken: GOOD.DISCORD_BOT_TOKEN,
      primaryGuildId: GOOD.PRIMARY_GUILD_ID,
      hubEndpoint: GOOD.HUB_ENDPOINT,
      hubSecrets: [GOOD.HUB_SECRET],
      discordApiUrl: "https://discord.com/api/v10",
      compress: false,
      host: "0.0.0.0",
      port: 8790,
      stateDir: ".state/gateway-worker",
    },
  });
});

test("set variables are used; an empty one counts as not set", () => {
  const parsed = parseConfig({
    ...GOOD,
    HUB_SECRET_PREVIOUS: "config-test-old-secret-0123456789-abcde",
    DISCORD_API_URL: "http://127.0.0.1:8789/api/v10/",
    DISCORD_COMPRESS: "zlib-stream",
    PORT: "0",
    STATE_DIR: "",
  });
  expect(parsed).toMatchObject({
    ok: true,
    config: {
      hubSecrets: [GOOD.HUB_SECRET, "config-test-old-secret-0123456789-abcde"],
      discordApiUrl: "http://127.0.0.1:8789/api/v10",
      compress: true,
      port: 0,
      stateDir: ".state/gateway-worker",
    },
  });
});

describe("refused by name", () => {
  test.each(Object.keys(GOOD))("without %s", (name) => {
    expect(message({ ...GOOD, [name]: undefined })).toContain(`${name} is missing`);
    expect(message({ ...GOOD, [name]: "" })).toContain(`${name} is missing`);
  });

  test.each([
    ["DISCORD_BOT_TOKEN", "short"],
    ["HUB_SECRET", "change-me"],
    ["HUB_SECRET", "x".repeat(40)],
    ["HUB_SECRET_PREVIOUS", "short"],
    ["HUB_ENDPOINT", "hub.test/internal/events"],
    ["HUB_ENDPOINT", "ftp://hub.test/"],
    ["DISCORD_API_URL", "discord"],
    ["DISCORD_COMPRESS", "zstd"],
    ["PRIMARY_GUILD_ID", "not an id"],
    ["PORT", "65536"],
    ["PORT", "http"],
  ])("%s=%s", (name, value) => {
    const text = message({ ...GOOD, [name]: value });
    expect(text).toContain(`${name}: `);
    if (name.includes("SECRET") || name.includes("TOKEN")) expect(text).not.toContain(value);
  });

  test("all at once", () => {
    for (const name of Object.keys(GOOD)) expect(message({})).toContain(name);
  });
});
