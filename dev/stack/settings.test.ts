import { readFileSync } from "node:fs";
import path from "node:path";
import { describe, expect, it } from "vitest";
import { readSettings, type Settings } from "./settings.ts";
import { fillSecrets, namesInExample, parseTomlVars, parseVariables } from "./variables.ts";

const repository = path.resolve(import.meta.dirname, "../..");
const read = (file: string): string => readFileSync(path.join(repository, file), "utf8");
const example = read(".dev.vars.example");
const fresh = parseVariables(fillSecrets(example));
const REAL_TOKEN = "MTIzNDU2Nzg5MDEyMzQ1Njc4.GabcDE.abcdefghijklmnopqrstuvwxyz0123456789ab";

const attempt = (environment: Record<string, string>, devVars: Record<string, string> = {}) =>
  readSettings({
    environment,
    devVars: { ...fresh, ...devVars },
    toml: parseTomlVars(read("wrangler.toml")),
    known: namesInExample(example),
    root: "/somewhere",
  });

function settings(environment: Record<string, string>, devVars?: Record<string, string>): Settings {
  const result = attempt(environment, devVars);
  if (!result.ok) throw new Error(result.error.join("\n"));
  return result.value;
}

function problems(environment: Record<string, string>, devVars?: Record<string, string>): string {
  const result = attempt(environment, devVars);
  return result.ok ? "" : result.error.join("\n");
}

describe("a fresh checkout", () => {
  it("starts everything at the usual ports, as wrangler.toml has them", () => {
    const fromToml = parseTomlVars(read("wrangler.toml"));
    const { parts, worker, hubEndpoint } = settings({});
    expect(parts).toEqual(["idp", "discord", "worker", "gateway"]);
    expect(worker).toMatchObject(fromToml);
    expect(hubEndpoint).toBe("http://127.0.0.1:8787/internal/events");
  });

  it("keeps the Worker's state where plain wrangler looks for it", () => {
    expect(settings({})).toMatchObject({
      stateDir: "/somewhere/.state",
      workerStateDir: "/somewhere/.wrangler/state",
      pageDir: "/somewhere/.state/page",
    });
    expect(settings({ STATE_DIR: "/elsewhere" })).toMatchObject({
      stateDir: "/elsewhere",
      workerStateDir: "/elsewhere/worker",
      pageDir: "/elsewhere/page",
    });
  });

  it("gives the Worker nothing that only the stack uses", () => {
    const { worker } = settings({ WORKER_PORT: "9000", STATE_DIR: "/x", VERBOSE: "1", HOME: "/y" });
    expect(Object.keys(worker)).not.toEqual(
      expect.arrayContaining([expect.stringMatching(/_PORT$|STATE_DIR|VERBOSE|HOME/)]),
    );
  });
});

describe("ports", () => {
  it("move the addresses that follow them", () => {
    const { worker, hubEndpoint, parts } = settings({
      WORKER_PORT: "9001",
      IDP_PORT: "9002",
      DISCORD_PORT: "9003",
      GATEWAY_PORT: "9004",
    });
    expect(worker).toMatchObject({
      JWT_ISSUER: "http://127.0.0.1:9002",
      JWT_PUBLIC_JWK_URL: "http://127.0.0.1:9002/jwks",
      DISCORD_API_URL: "http://127.0.0.1:9003/api/v10",
      WEB_ORIGIN: "http://127.0.0.1:9001,http://localhost:9001",
    });
    expect(hubEndpoint).toBe("http://127.0.0.1:9001/internal/events");
    expect(parts).toHaveLength(4);
  });

  it.each(["0", "65536", "80.5", "-1", "http"])("refuse %s by the variable's name", (port) => {
    expect(problems({ DISCORD_PORT: port })).toContain("DISCORD_PORT");
  });
});

describe("precedence", () => {
  it("is environment, then .dev.vars, then wrangler.toml", () => {
    const devVars = { ROOM_NAME_PREFIX: "file", ROOM_IDLE_MINUTES: "5" };
    const { worker } = settings({ ROOM_NAME_PREFIX: "environment" }, devVars);
    expect(worker["ROOM_NAME_PREFIX"]).toBe("environment");
    expect(worker["ROOM_IDLE_MINUTES"]).toBe("5");
    expect(worker["JWT_AUDIENCE"]).toBe("guildhub");
  });

  it("passes on what only the example names", () => {
    const previous = "p".repeat(20) + "q".repeat(20);
    expect(settings({ HUB_SECRET_PREVIOUS: previous }).worker["HUB_SECRET_PREVIOUS"]).toBe(
      previous,
    );
  });
});

describe("real services", () => {
  it("start only what is missing", () => {
    const provider = {
      JWT_ISSUER: "https://issuer.test",
      JWT_PUBLIC_JWK_URL: "https://issuer.test/keys",
    };
    expect(settings(provider).parts).toEqual(["discord", "worker", "gateway"]);
    const elsewhere = { DISCORD_API_URL: "http://127.0.0.1:9999/api/v10" };
    expect(settings(elsewhere).parts).toEqual(["idp", "worker", "gateway"]);
  });

  it("are Discord's own with a real bot token, which then needs a guild", () => {
    const real = { DISCORD_BOT_TOKEN: REAL_TOKEN, PRIMARY_GUILD_ID: "42" };
    const { parts, worker } = settings({}, real);
    expect(parts).not.toContain("discord");
    expect(worker["DISCORD_API_URL"]).toBe("https://discord.com/api/v10");
    expect(problems({ DISCORD_BOT_TOKEN: REAL_TOKEN })).toContain("PRIMARY_GUILD_ID");
  });

  it("need their keys named", () => {
    expect(problems({ JWT_ISSUER: "https://issuer.test" })).toContain("JWT_PUBLIC_JWK_URL");
  });
});

describe("what is wrong", () => {
  it.each([
    ["HUB_SECRET", "short"],
    ["HUB_SECRET", "x".repeat(40)],
    ["DISCORD_BOT_TOKEN", "short"],
    ["WEB_ORIGIN", "http://127.0.0.1:8787/path"],
    ["JWT_ISSUER", "nowhere"],
    ["ROOM_IDLE_MINUTES", "soon"],
  ])("is named: %s=%s", (name, value) => {
    expect(problems({ [name]: value })).toContain(name);
  });

  it("is named when a secret is missing", () => {
    expect(problems({}, { HUB_SECRET: "" })).toContain("HUB_SECRET: is missing");
  });
});

describe("the example", () => {
  it("explains every variable of wrangler.toml and gives no value that works as a secret", () => {
    const names = namesInExample(example);
    expect(names).toEqual(
      expect.arrayContaining(Object.keys(parseTomlVars(read("wrangler.toml")))),
    );
    expect(parseVariables(example)).toEqual({ HUB_SECRET: "", DISCORD_BOT_TOKEN: "" });
    expect(fillSecrets(example)).not.toBe(fillSecrets(example));
  });
});
