import { readFileSync } from "node:fs";
import path from "node:path";
import { describe, expect, it } from "vitest";
import { localApplication } from "../discord/application.ts";
import { areaNames } from "../../src/config.ts";
import { AREA_PARTS } from "./names.ts";
import { readSettings, type Settings } from "./settings.ts";
import { fillSecrets, namesInExample, parseTomlVars, parseVariables } from "./variables.ts";

const repository = path.resolve(import.meta.dirname, "../..");
const read = (file: string): string => readFileSync(path.join(repository, file), "utf8");
const example = read(".dev.vars.example");
const fresh = parseVariables(fillSecrets(example));
const MADE_SECRET = "made-for-this-run-".padEnd(43, "ABCDEFGHIJKLMNOPQRSTUVWXYZ");
const REAL_TOKEN = "MTIzNDU2Nzg5MDEyMzQ1Njc4.GabcDE.abcdefghijklmnopqrstuvwxyz0123456789ab";

const GUILD = "123456789012345678";
const LOBBY = "223456789012345678";

const attempt = (environment: Record<string, string>, devVars: Record<string, string> = {}) =>
  readSettings({
    environment,
    devVars: { ...fresh, ...devVars },
    toml: parseTomlVars(read("wrangler.toml")),
    known: namesInExample(example),
    root: "/somewhere",
    newSecret: () => MADE_SECRET,
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
    const { parts, worker, hubEndpoint, madeSecrets } = settings({});
    expect(parts).toEqual(["idp", "discord", "faceit", "worker", "gateway"]);
    expect(worker).toMatchObject(fromToml);
    expect(madeSecrets).toEqual([]);
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

  it("gives the Worker no variable that only the stack uses", () => {
    const { worker } = settings({ WORKER_PORT: "9000", STATE_DIR: "/x", VERBOSE: "1", HOME: "/y" });
    expect(Object.keys(worker)).not.toEqual(
      expect.arrayContaining([expect.stringMatching(/_PORT$|STATE_DIR|VERBOSE|HOME/)]),
    );
  });
});

describe("voice", () => {
  it("is started where a variable names the local services, and otherwise not", () => {
    expect(settings({ AREAS: "sync" }).parts).toEqual(["worker"]);
    const real = { AREAS: "sync", ELEVENLABS_API_URL: "https://api.elevenlabs.io" };
    expect(settings(real).parts).toEqual(["worker"]);
    for (const variable of ["ELEVENLABS_API_URL", "REVENUECAT_API_URL"]) {
      const local = { [variable]: "http://127.0.0.1:8792/service" };
      expect(settings({ AREAS: "sync", ...local }).parts).toEqual(["voice", "worker"]);
      expect(settings({ AREAS: "rooms", ...local }).parts).not.toContain("voice");
      const elsewhere = { ...local, VOICE_PORT: "9006" };
      expect(settings({ AREAS: "sync", ...elsewhere }).parts).toEqual(["worker"]);
    }
  });
});

describe("ports", () => {
  it("change the addresses that contain them", () => {
    const { worker, hubEndpoint, parts } = settings({
      WORKER_PORT: "9001",
      IDP_PORT: "9002",
      DISCORD_PORT: "9003",
      GATEWAY_PORT: "9004",
      FACEIT_PORT: "9005",
    });
    expect(worker).toMatchObject({
      JWT_ISSUER: "http://127.0.0.1:9002",
      JWT_PUBLIC_JWK_URL: "http://127.0.0.1:9002/jwks",
      DISCORD_API_URL: "http://127.0.0.1:9003/api/v10",
      WEB_ORIGIN: "http://127.0.0.1:9001,http://localhost:9001",
      FACEIT_API_URL: "http://127.0.0.1:9005/data/v4",
      FACEIT_AUTH_URL: "http://127.0.0.1:9005/oauth/authorize",
      FACEIT_TOKEN_URL: "http://127.0.0.1:9005/oauth/token",
      FACEIT_USERINFO_URL: "http://127.0.0.1:9005/oauth/userinfo",
      FACEIT_REDIRECT_URI: "http://127.0.0.1:9001/faceit/callback",
    });
    expect(hubEndpoint).toBe("http://127.0.0.1:9001/internal/events");
    expect(parts).toHaveLength(5);
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

  it("passes on variables that only the example names", () => {
    const previous = "p".repeat(20) + "q".repeat(20);
    expect(settings({ HUB_SECRET_PREVIOUS: previous }).worker["HUB_SECRET_PREVIOUS"]).toBe(
      previous,
    );
  });
});

describe("AREAS", () => {
  it("starts only the parts of these areas, and gives the Worker the addresses of no other", () => {
    const { parts, needed, worker, madeSecrets } = settings(
      { AREAS: "rooms", FACEIT_PORT: "9005" },
      { FACEIT_WEBHOOK_SECRET: "" },
    );
    expect(parts).toEqual(["idp", "discord", "worker", "gateway"]);
    expect(needed).not.toContain("faceit");
    expect(madeSecrets).toEqual([]);
    expect(worker["AREAS"]).toBe("rooms");
    expect(Object.values(worker).join(" ")).not.toContain("9005");
    expect(settings({ AREAS: "rooms,matches" }).parts).toContain("faceit");
  });

  it("may be sync alone, which needs nothing but the Worker and a secret", () => {
    const { parts, needed, worker } = settings({ AREAS: "sync" });
    expect(parts).toEqual(["worker"]);
    expect([...needed]).toEqual(["worker"]);
    expect(worker["HAPPY_MASTER_SECRET"]).toBe(fresh["HAPPY_MASTER_SECRET"]);
    const without = { HAPPY_MASTER_SECRET: "" };
    expect(problems({ AREAS: "sync" }, without)).toContain("HAPPY_MASTER_SECRET: is missing");
  });

  it("has no sync with a .dev.vars that is older than its secret", () => {
    const { parts, worker } = settings({}, { HAPPY_MASTER_SECRET: "" });
    expect(parts).toHaveLength(5);
    expect(areaNames(worker)).toEqual(["rooms", "matches"]);
    expect(areaNames(settings({}).worker)).toEqual(["rooms", "matches", "sync"]);
  });

  it("is refused with an unknown name, and without an area that another one needs", () => {
    expect(problems({ AREAS: "rooms,chess" })).toContain('no area "chess"');
    expect(problems({ AREAS: "matches" })).toContain("matches needs rooms");
  });

  it("has parts for every area", () => {
    const all = { PRIMARY_GUILD_ID: "1", HAPPY_MASTER_SECRET: "2" };
    expect(Object.keys(AREA_PARTS)).toEqual(areaNames(all));
  });
});

describe("real services", () => {
  it("start only what is missing", () => {
    const provider = {
      JWT_ISSUER: "https://issuer.test",
      JWT_PUBLIC_JWK_URL: "https://issuer.test/keys",
    };
    expect(settings(provider).parts).toEqual(["discord", "faceit", "worker", "gateway"]);
    const elsewhere = { DISCORD_API_URL: "http://127.0.0.1:9999/api/v10" };
    expect(settings(elsewhere).parts).toEqual(["idp", "faceit", "worker", "gateway"]);
    const real = { FACEIT_API_URL: "https://open.faceit.com/data/v4" };
    expect(settings(real).parts).toEqual(["idp", "discord", "worker", "gateway"]);
  });

  it("are Discord's own with a real bot token, which then needs a guild", () => {
    const real = { DISCORD_BOT_TOKEN: REAL_TOKEN, PRIMARY_GUILD_ID: GUILD };
    const { parts, worker } = settings({}, real);
    expect(parts).not.toContain("discord");
    expect(worker["DISCORD_API_URL"]).toBe("https://discord.com/api/v10");
    expect(problems({ DISCORD_BOT_TOKEN: REAL_TOKEN })).toContain("PRIMARY_GUILD_ID");
  });

  it("need their keys named", () => {
    expect(problems({ JWT_ISSUER: "https://issuer.test" })).toContain("JWT_PUBLIC_JWK_URL");
  });
});

describe("the local Discord's application", () => {
  it("is given to the Worker, even if other values are set", () => {
    const mine = { DISCORD_APPLICATION_ID: "42", DISCORD_PUBLIC_KEY: "0".repeat(64) };
    const { worker } = settings(mine);
    const { publicKeyHex, clientSecret } = localApplication(fresh["DISCORD_BOT_TOKEN"] ?? "");
    expect(worker).toMatchObject({
      DISCORD_APPLICATION_ID: "100000000000000100",
      DISCORD_PUBLIC_KEY: publicKeyHex,
      DISCORD_CLIENT_SECRET: clientSecret,
    });
  });

  it("is not given to the Worker, nor any of its channel ids, while the real Discord is used", () => {
    const real = { DISCORD_BOT_TOKEN: REAL_TOKEN, PRIMARY_GUILD_ID: GUILD };
    const { worker } = settings({
      ...real,
      DISCORD_PUBLIC_KEY: "0".repeat(64),
      LOBBY_VC_ID: LOBBY,
    });
    expect(worker).toMatchObject({ DISCORD_PUBLIC_KEY: "0".repeat(64), LOBBY_VC_ID: LOBBY });
    for (const name of ["DISCORD_APPLICATION_ID", "DISCORD_CLIENT_SECRET", "VC_CATEGORY_ID"]) {
      expect(Object.keys(worker)).not.toContain(name);
    }
  });
});

describe("FACEIT", () => {
  const SECRETS = ["FACEIT_WEBHOOK_SECRET", "FACEIT_API_KEY", "FACEIT_CLIENT_SECRET"];

  it("works with a .dev.vars that is older than its secrets", () => {
    const before = Object.fromEntries(SECRETS.map((name) => [name, ""]));
    const { worker, madeSecrets } = settings({}, before);
    expect(madeSecrets).toEqual(SECRETS);
    for (const name of SECRETS) expect(worker[name]).toBe(MADE_SECRET);
    expect(worker["HUB_SECRET"]).toBe(fresh["HUB_SECRET"]);
  });

  it("is used at its own addresses, without generated secrets, while it is the real one", () => {
    const { worker, madeSecrets } = settings(
      { FACEIT_API_URL: "https://open.faceit.com/data/v4" },
      { FACEIT_CLIENT_SECRET: "" },
    );
    expect(madeSecrets).toEqual([]);
    const names = [
      "FACEIT_CLIENT_ID",
      "FACEIT_CLIENT_SECRET",
      "FACEIT_AUTH_URL",
      "FACEIT_TOKEN_URL",
    ];
    for (const name of names) expect(Object.keys(worker)).not.toContain(name);
  });
});

describe("a wrong variable", () => {
  it.each([
    ["HUB_SECRET", "short"],
    ["HUB_SECRET", "x".repeat(40)],
    ["DISCORD_BOT_TOKEN", "short"],
    ["WEB_ORIGIN", "http://127.0.0.1:8787/path"],
    ["JWT_ISSUER", "nowhere"],
    ["ROOM_IDLE_MINUTES", "soon"],
    ["HUB_ENDPOINT", "zzz"],
    ["HUB_ENDPOINT", "ftp://127.0.0.1/"],
    ["PRIMARY_GUILD_ID", "abc"],
    ["PRIMARY_GUILD_ID", "42"],
    ["VC_CATEGORY_ID", "abc"],
    ["LOBBY_VC_ID", `${LOBBY}=42`],
    ["MATCH_NOTICE_CHANNEL_ID", `${LOBBY}, 42`],
    ["MATCH_STAFF_ROLE_ID", "staff"],
    ["FACEIT_ORGANIZERS", "organizer=42"],
    ["FACEIT_ORGANIZERS", `organizer=${GUILD}=more`],
  ])("is named: %s=%s", (name, value) => {
    expect(problems({ [name]: value })).toContain(name);
  });

  it("is no variable of an area that does not run", () => {
    expect(problems({ AREAS: "rooms", VC_CATEGORY_ID: "abc", FACEIT_ORGANIZERS: "a=b" })).toBe("");
  });

  it("is no id of FACEIT's, which may have any form", () => {
    const [first, second] = ["f3a2c1d0-0000-4000-8000-000000000001", "hub-2"];
    const { worker } = settings({ FACEIT_ORGANIZERS: `${first}, ${second}=${GUILD}` });
    expect(worker["FACEIT_ORGANIZERS"]).toContain(second);
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
    expect(parseVariables(example)).toEqual({
      HUB_SECRET: "",
      HAPPY_MASTER_SECRET: "",
      DISCORD_BOT_TOKEN: "",
      FACEIT_WEBHOOK_SECRET: "",
      FACEIT_API_KEY: "",
      FACEIT_CLIENT_SECRET: "",
    });
    expect(fillSecrets(example)).not.toBe(fillSecrets(example));
  });
});
