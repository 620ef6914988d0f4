/** Replays every command of docs/deploy.md that needs no account, and checks what it can of the others. */
import { spawnSync, type SpawnSyncReturns } from "node:child_process";
import { cp, mkdtemp, readFile, rm, stat, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import vm from "node:vm";
import { PermissionFlagsBits } from "discord-api-types/v10";
import { experimental_getWranglerCommands as wranglerCommands } from "wrangler";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { parseConfig as parseContainerConfig } from "../../gateway-worker/config.ts";
import { parseConfig } from "../../src/config.ts";
import { SecretValue } from "../../src/protocol/secret.ts";
import {
  freshSecret,
  namesInExample,
  parseTomlVars,
  parseVariables,
  type Variables,
} from "../stack/variables.ts";
import { QUIET_WRANGLER } from "../stack/wrangler.ts";

const ROOT = path.resolve(import.meta.dirname, "../..");
const GUILD = "100000000000000001";
const ORIGIN = "https://guildhub-production.example.workers.dev";
const read = (file: string): Promise<string> => readFile(path.join(ROOT, file), "utf8");

/** The commands that save the values in a file, and load them in another terminal. */
const KEEPING = /^\(umask 077; env \| grep /;
const LOADING = "set -a; . ~/guildhub-production.env; set +a";

let page: string;
let toml: string;
/** The commands of the shell blocks, one per line, without leading `NAME=value`. */
let commands: readonly string[];

/** The fenced blocks of a language, without their indentation. */
function blocksOf(language: string, source = page): readonly string[] {
  const fence = new RegExp(`^( *)\`\`\`${language}\\n([\\s\\S]*?)^ *\`\`\`$`, "gm");
  return [...source.matchAll(fence)].map(([, indent = "", text = ""]) =>
    text.replaceAll(new RegExp(`^${indent}`, "gm"), ""),
  );
}

beforeAll(async () => {
  [page, toml] = await Promise.all([read("docs/deploy.md"), read("wrangler.toml")]);
  commands = blocksOf("sh")
    .flatMap((block) => block.trim().split("\n"))
    .filter((line) => !KEEPING.test(line))
    .flatMap((line) => line.split(/ \| | && /))
    .map((command) => command.replace(/^(?:[A-Z_]+=(?:<[^>]+>|\S+) )+/, ""));
});

const starting = (prefix: string): readonly string[] =>
  commands.filter((command) => command.startsWith(prefix));

function run(file: string, args: readonly string[], cwd = ROOT): SpawnSyncReturns<string> {
  return spawnSync(process.execPath, [path.join(cwd, file), ...args], {
    cwd,
    encoding: "utf8",
    env: { ...process.env, ...QUIET_WRANGLER, NO_COLOR: "1" },
  });
}

describe("the commands", () => {
  it("are all of a kind that these tests check", () => {
    const known =
      /^(?:npm (?:ci$|run )|npx wrangler |git |cd guildhub$|export |read -rs |printf |curl |fly |docker |scp |ssh |set -a; )/;
    expect(commands.length).toBeGreaterThan(30);
    expect(commands.filter((command) => !known.test(command))).toEqual([]);
  });

  it("of npm name scripts that exist", async () => {
    const { scripts } = JSON.parse(await read("package.json")) as {
      scripts: Record<string, string>;
    };
    const names = starting("npm run ").map((command) => command.split(" ")[2] ?? "");
    expect(new Set(names)).toEqual(new Set(["deploy", "discord:commands"]));
    for (const name of names) expect(scripts, name).toHaveProperty([name]);
  });

  it("of wrangler exist, with these arguments and flags", () => {
    const { registry, globalFlags } = wranglerCommands();
    const inline = [...page.matchAll(/`npx (wrangler [^`]+)`/g)].map(([, command = ""]) => command);
    const used = [...starting("npx wrangler ").map((command) => command.slice(4)), ...inline];
    expect(used.length).toBeGreaterThan(15);
    for (const command of used) {
      const words = command
        .replaceAll(/<[^>]+>/g, "value")
        .split(" ")
        .slice(1);
      let node: { definition?: unknown; subtree: ReadonlyMap<string, unknown> } | undefined =
        registry;
      let depth = 0;
      for (const word of words) {
        const next: unknown = node.subtree.get(word);
        if (next === undefined) break;
        node = next as typeof registry;
        depth++;
      }
      const { args = {}, positionalArgs = [] } = (node.definition ?? {}) as {
        args?: Record<string, unknown>;
        positionalArgs?: readonly string[];
      };
      expect(depth, `${command}: no such command`).toBeGreaterThan(0);
      const rest = words.slice(depth);
      const flags = rest.filter((word) => word.startsWith("--"));
      for (const flag of flags) {
        const name = flag.slice(2).replace(/=.*$/, "");
        expect(Object.keys({ ...args, ...globalFlags }), command).toContain(name);
      }
      const valued = flags.filter((flag) => !flag.includes("=") && flag !== "--remote").length;
      const values = rest.length - flags.length - valued;
      expect(values, `${command}: arguments`).toBeLessThanOrEqual(positionalArgs.length);
      // Without an id it would roll back to the previous deployment, which may differ only by a secret.
      if (words[0] === "rollback") expect(values, command).toBe(1);
      // Without an environment it would use the top level of wrangler.toml, which is for a local machine.
      if (["deploy", "secret", "rollback", "deployments", "tail"].includes(words[0] ?? "")) {
        expect(command).toMatch(/--env production(?: |$)/);
      }
    }
  });

  it("that create a secret create a valid one", () => {
    const making = starting("export HUB_SECRET=");
    expect(making.length).toBeGreaterThan(0);
    for (const command of making) {
      const code = /\$\(node -e "(.+)"\)$/.exec(command)?.[1] ?? "";
      const { stdout } = spawnSync(process.execPath, ["-e", code], { encoding: "utf8" });
      expect(SecretValue.safeParse(stdout.trim()).error).toBeUndefined();
    }
  });

  it("of curl use paths that the Worker has", async () => {
    const { paths } = JSON.parse(await read("docs/spec/openapi.json")) as { paths: object };
    for (const command of starting("curl ")) {
      const where = /^curl \$ORIGIN(\/\S+)$/.exec(command)?.[1];
      expect(Object.keys(paths), command).toContain(where);
    }
  });

  it("give the container the variables that it needs, on every host, and its volume", async () => {
    const fly = await read("fly.toml");
    const flyValue = (name: string): string =>
      new RegExp(`^${name} = "(.*)"$`, "m").exec(fly)?.[1] ?? "";
    const needed = (names: readonly string[]): void => {
      const values: Variables = {
        DISCORD_BOT_TOKEN: freshSecret(),
        HUB_SECRET: freshSecret(),
        PRIMARY_GUILD_ID: GUILD,
        HUB_ENDPOINT: `${ORIGIN}/internal/events`,
      };
      const given = Object.fromEntries(names.map((name) => [name, values[name]]));
      expect(parseContainerConfig(given)).toMatchObject({ ok: true });
    };
    const secrets = starting("fly secrets set ")[0] ?? "";
    needed([...secrets.matchAll(/ ([A-Z_]+)="/g)].map(([, name = ""]) => name));
    for (const command of starting("docker run ")) {
      needed([...command.matchAll(/ -e ([A-Z_]+)/g)].map(([, name = ""]) => name));
      expect(command).toContain(` -v guildhub_state:${flyValue("destination")} `);
      expect(command).toMatch(/ guildhub-gateway(?::previous)?$/);
    }
    const runs = starting("docker run ").map((command) => command.replace(/:previous$/, ""));
    expect(runs.length).toBeGreaterThan(3);
    expect(new Set(runs).size).toBe(1);
    expect(starting("docker tag ")).toEqual([
      "docker tag guildhub-gateway guildhub-gateway:previous",
    ]);
    const railway = /printf '([^']+)'/.exec(commands.find((c) => c.includes("\\nHUB_")) ?? "")?.[1];
    needed([...(railway ?? "").matchAll(/([A-Z_]+)=%s/g)].map(([, name = ""]) => name));

    const ofFly = starting("fly ").filter((command) => command !== "fly auth login");
    expect(ofFly.length).toBeGreaterThan(6);
    for (const command of ofFly) {
      expect(command).toMatch(/ (?:--app|create) "\$FLY_APP"(?: |$)/);
    }
    expect(starting("export FLY_APP=")).toEqual([
      `export FLY_APP=${flyValue("app")}-<something of yours> REGION=${flyValue("primary_region")}`,
    ]);
    const volume = starting("fly volumes create ")[0] ?? "";
    expect(volume).toContain(`create ${flyValue("source")} `);
    expect(volume).toContain(' --region "$REGION" ');
  });

  it("name only variables that some program reads", async () => {
    const known = new Set([
      ...namesInExample(await read(".dev.vars.example")),
      "ORIGIN",
      "GUILD_ID",
      "CLOUDFLARE_ACCOUNT_ID",
      "FLY_APP",
      "MANAGER_ROLE_ID",
      "ADMIN_ROLE_ID",
      "RAILWAY_RUN_UID",
    ]);
    const named = [...page.matchAll(/`\$?([A-Z][A-Z0-9]*_[A-Z0-9_]+)(?:=[^`]*)?`/g)];
    expect(named.length).toBeGreaterThan(20);
    expect(named.flatMap(([, name = ""]) => (known.has(name) ? [] : [name]))).toEqual([]);
  });
});

describe("a new terminal on a later day", () => {
  const VALUES: Variables = {
    ORIGIN,
    GUILD_ID: GUILD,
    CLOUDFLARE_ACCOUNT_ID: "0123456789abcdef0123456789abcdef",
    DISCORD_BOT_TOKEN: `bot.token_${freshSecret()}`,
    HUB_SECRET: freshSecret(),
    FLY_APP: "guildhub-gateway-ours",
    REGION: "ams",
  };
  /** Fakes of the programs that need an account. Each records its arguments and secrets. */
  const PROGRAMS = ["docker", "fly", "npx", "npm", "git", "curl"];
  type Call = {
    readonly program: string;
    readonly args: readonly string[];
    readonly stdin: string;
    readonly env: Variables;
  };

  let home: string;
  beforeEach(async () => {
    home = await mkdtemp(path.join(tmpdir(), "guildhub-terminal-"));
    const script = `#!/bin/bash
input=
case " $* " in *" put "*) input=$(cat) ;; esac
{ printf '%s\\037' "\${0##*/}" "$input" "$DISCORD_BOT_TOKEN" "$HUB_SECRET" "$@"; echo; } >> ~/calls
`;
    for (const program of PROGRAMS) {
      await writeFile(path.join(home, program), script, { mode: 0o755 });
    }
    await writeFile(path.join(home, "calls"), "");
  });
  afterEach(() => rm(home, { recursive: true, force: true }));

  /** Runs lines in a new shell, in which an unset variable is an error. */
  function terminal(script: string, variables: Variables = {}): SpawnSyncReturns<string> {
    const PATH = `${home}:${path.dirname(process.execPath)}:/usr/bin:/bin`;
    const filled = script.replaceAll(/<[^>]+>/g, "filled-in");
    return spawnSync("bash", ["--norc", "-euo", "pipefail", "-c", filled], {
      cwd: home,
      encoding: "utf8",
      env: { PATH, HOME: home, ...variables },
    });
  }
  const calls = async (): Promise<readonly Call[]> =>
    (await readFile(path.join(home, "calls"), "utf8"))
      .split("\n")
      .slice(0, -1)
      .map((line) => {
        const [program = "", stdin = "", botToken = "", hubSecret = "", ...args] = line
          .split("\u001F")
          .slice(0, -1);
        const env = { DISCORD_BOT_TOKEN: botToken, HUB_SECRET: hubSecret };
        return { program, args, stdin, env };
      });
  /** The shell blocks below a heading. */
  const blocksBelow = (heading: string): readonly string[] => {
    const [, rest = ""] = page.split(`\n## ${heading}\n`);
    return blocksOf("sh", rest.split("\n## ")[0]);
  };
  const keeping = (): readonly string[] =>
    blocksOf("sh")
      .flatMap((block) => block.split("\n"))
      .filter((line) => KEEPING.test(line));

  it("loads every value from a file that no other user may read", async () => {
    expect(new Set(keeping()).size).toBe(1);
    expect(keeping().length).toBe(3);
    const [keep = ""] = keeping();
    expect(terminal(keep, { ...VALUES, OTHER: "x" }).status).toBe(0);
    const file = path.join(home, "guildhub-production.env");
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    const names = Object.keys(VALUES).toSorted();
    expect(Object.keys(parseVariables(await readFile(file, "utf8"))).toSorted()).toEqual(names);
    const { stdout } = terminal(`${LOADING}; printenv ${names.join(" ")}`);
    expect(stdout.trim().split("\n")).toEqual(names.map((name) => VALUES[name]));

    // A terminal without the values does not overwrite the file with nothing.
    expect(terminal(keep).status).not.toBe(0);
    expect(terminal(`${LOADING}; printenv HUB_SECRET`).stdout.trim()).toBe(VALUES["HUB_SECRET"]);
  });

  it.each(["8. FACEIT (optional)", "Upgrade", "Roll back", "Change a secret"])(
    "has the values that the commands use: %s",
    async (heading) => {
      const blocks = blocksBelow(heading);
      expect(blocks[0]?.split("\n")[0]).toBe(LOADING);
      const [keep = ""] = keeping();
      expect(terminal(keep, VALUES).status).toBe(0);
      const { status, stderr } = terminal(blocks.join("\n"));
      expect([status, stderr]).toEqual([0, ""]);

      const made = await calls();
      expect(made.length).toBeGreaterThan(4);
      const ofDocker = made.filter(
        ({ program, args }) => program === "docker" && args[0] === "run",
      );
      expect(ofDocker.length).toBe(heading.startsWith("8") ? 0 : 1);
      for (const { args, env } of ofDocker) {
        const passed = args.filter((_value, index) => args[index - 1] === "-e");
        const given = passed.map((each) => {
          const [name = "", ...value] = each.split("=");
          return [name, value.length > 0 ? value.join("=") : env[name]] as const;
        });
        expect(parseContainerConfig(Object.fromEntries(given))).toMatchObject({
          ok: true,
          config: {
            discordBotToken: VALUES["DISCORD_BOT_TOKEN"],
            primaryGuildId: GUILD,
            hubEndpoint: `${ORIGIN}/internal/events`,
          },
        });
      }
      for (const { program, args } of made) {
        if (program === "fly") expect(args).toContain(VALUES["FLY_APP"]);
      }
    },
  );

  it("changes the hub's secret everywhere, and the previous one is accepted meanwhile", async () => {
    const [keep = ""] = keeping();
    terminal(keep, VALUES);
    terminal(blocksBelow("Change a secret").join("\n"));
    const made = await calls();
    const put = made.flatMap(({ args, stdin }) => (args[2] === "put" ? [[args[3], stdin]] : []));
    const [, [, fresh = ""] = []] = put;
    expect(put).toEqual([
      ["HUB_SECRET_PREVIOUS", VALUES["HUB_SECRET"]],
      ["HUB_SECRET", fresh],
    ]);
    expect(fresh).not.toBe(VALUES["HUB_SECRET"]);
    expect(made.find(({ program }) => program === "fly")?.args).toContain(`HUB_SECRET=${fresh}`);
    const container = made.find(({ program, args }) => program === "docker" && args[0] === "run");
    expect(container?.env["HUB_SECRET"]).toBe(fresh);
    expect(made.at(-1)?.args.slice(0, 4)).toEqual([
      "wrangler",
      "secret",
      "delete",
      "HUB_SECRET_PREVIOUS",
    ]);
  });

  it("rolls the container back to the image that the upgrade kept", async () => {
    const [keep = ""] = keeping();
    terminal(keep, VALUES);
    terminal([...blocksBelow("Upgrade"), ...blocksBelow("Roll back")].join("\n"));
    const ofDocker = (await calls()).flatMap(({ program, args }) =>
      program === "docker" ? [[args[0], args.at(-1)]] : [],
    );
    expect(ofDocker).toEqual([
      ["tag", "guildhub-gateway:previous"],
      ["build", "."],
      ["rm", "guildhub-gateway"],
      ["run", "guildhub-gateway"],
      ["rm", "guildhub-gateway"],
      ["run", "guildhub-gateway:previous"],
    ]);
  });

  it("merges new lines into a deployment whose values are committed", async () => {
    await Promise.all(PROGRAMS.map((program) => rm(path.join(home, program))));
    const who = "-c user.name=x -c user.email=x@example.com";
    const commit = starting("git commit ")[0]?.replace("git ", `git ${who} `);
    const pull = starting("git pull ")[0]?.replace("git ", `git ${who} `);
    const { status, stderr } = terminal(
      [
        "git init -q -b main theirs",
        "printf '%s\n' name a b c d e f g > theirs/wrangler.toml",
        `git -C theirs add . && git -C theirs ${who} commit -qm first`,
        "git clone -q theirs ours && cd ours",
        "sed -i.bak s/name/ours/ wrangler.toml && rm wrangler.toml.bak",
        `${commit} -q`,
        `cd ../theirs && echo new >> wrangler.toml && git ${who} commit -qam second`,
        `cd ../ours && ${pull} -q`,
      ].join("\n"),
    );
    expect([status, stderr]).toEqual([0, ""]);
    const merged = await readFile(path.join(home, "ours/wrangler.toml"), "utf8");
    expect(merged).toMatch(/^ours\n[^]*\nnew\n$/);
  });
});

describe("Discord", () => {
  it("requests the sum of the permissions in the table", () => {
    const flags: Readonly<Record<string, keyof typeof PermissionFlagsBits>> = {
      "View Channels": "ViewChannel",
      Connect: "Connect",
      "Manage Channels": "ManageChannels",
      "Manage Roles": "ManageRoles",
      "Create Invite": "CreateInstantInvite",
      Speak: "Speak",
      Video: "Stream",
      "Use Voice Activity": "UseVAD",
      "Move Members": "MoveMembers",
      "Send Messages": "SendMessages",
      "View Audit Log": "ViewAuditLog",
    };
    const [table = ""] = /\| permission [\s\S]+?\n\n/.exec(page) ?? [];
    const named = table
      .split("\n")
      .slice(2)
      .flatMap((row) => row.split("|")[1]?.trim().split(", ") ?? []);
    expect(new Set(named)).toEqual(new Set(Object.keys(flags)));
    const sum = named.reduce((all, name) => {
      const flag = flags[name];
      return flag === undefined ? all : all | PermissionFlagsBits[flag];
    }, 0n);
    expect(page).toContain(`&permissions=${sum}\``);
  });
});

describe("sign in with Discord", () => {
  type Asked = { readonly url: string; readonly authorization: string };
  type Login = {
    denied?: string;
    readonly claims: Record<string, unknown>;
    readonly scopes: Set<string>;
    readonly asked: Asked[];
  };
  const MANAGER = "200000000000000001";

  /** Runs the Action of the page as Auth0 does, for a sign-in that requests every scope. */
  async function signIn(
    discord: { readonly status: number; readonly roles?: readonly string[] },
    user = "oauth2|discord|42",
    api = "guildhub",
  ): Promise<Login> {
    const code = /<!-- recipe: auth0-action -->\s+```js\n([\s\S]+?)```/.exec(page)?.[1] ?? "";
    const requested = ["openid", "profile", "offline_access", "rooms:manage", "hub:admin"];
    const login: Login = { claims: {}, scopes: new Set(requested), asked: [] };
    const exports: { onExecutePostLogin?: (event: unknown, api: unknown) => Promise<void> } = {};
    vm.runInNewContext(code, {
      exports,
      fetch: async (url: string, { headers }: { headers: { Authorization: string } }) => {
        login.asked.push({ url, authorization: headers.Authorization });
        return Response.json({ roles: discord.roles ?? [] }, { status: discord.status });
      },
    });
    await exports.onExecutePostLogin?.(
      {
        resource_server: { identifier: api },
        user: { user_id: user },
        secrets: { DISCORD_BOT_TOKEN: "bot", GUILD_ID: GUILD, MANAGER_ROLE_ID: MANAGER },
      },
      {
        access: { deny: (reason: string) => (login.denied = reason) },
        accessToken: {
          setCustomClaim: (name: string, value: unknown) => (login.claims[name] = value),
          addScope: (scope: string) => login.scopes.add(scope),
          removeScope: (scope: string) => login.scopes.delete(scope),
        },
      },
    );
    return login;
  }

  it("puts a member's Discord id into the token, and grants no requested scope", async () => {
    const { denied, claims, scopes, asked } = await signIn({ status: 200, roles: ["1", "2"] });
    expect(denied).toBeUndefined();
    expect(claims).toEqual({ discord_id: "42" });
    expect([...scopes]).toEqual(["openid", "profile", "offline_access"]);
    expect(asked).toEqual([
      {
        url: `https://discord.com/api/v10/guilds/${GUILD}/members/42`,
        authorization: "Bot bot",
      },
    ]);
  });

  it("grants rooms:manage for the configured role of the guild, and nothing without one", async () => {
    const { scopes } = await signIn({ status: 200, roles: [MANAGER] });
    expect(scopes.has("rooms:manage")).toBe(true);
    expect(scopes.has("hub:admin")).toBe(false);
  });

  it.each([
    ["is not in the guild", { status: 404 }, undefined, /Join/],
    ["signs in while Discord fails", { status: 500 }, undefined, /Try again/],
    ["signed in another way", { status: 200 }, "auth0|42", /Discord/],
    ["has an id that is not only Discord's", { status: 200 }, "oauth2|discord|42/../7", /Discord/],
  ])("denies a user who %s", async (_who, discord, user, reason) => {
    const { denied, claims } = await signIn(discord, user);
    expect(denied).toMatch(reason);
    expect(claims).toEqual({});
  });

  it("leaves tokens for other APIs alone", async () => {
    const { asked, claims, denied } = await signIn({ status: 200 }, undefined, "another");
    expect([asked, claims, denied]).toEqual([[], {}, undefined]);
  });

  it("works with the scopes that the page names", async () => {
    const asked = /scope: "([^"]+)"/.exec(await read("console/src/sign-in.ts"))?.[1];
    expect(page).toContain(`scopes \`${asked}\``);
  });
});

describe("wrangler.toml, filled in as the page says", () => {
  const RECIPES = ["A. Sign in with Discord", "B. Accounts of your own"];

  /** The variables of a recipe, with values for the placeholders in angle brackets. */
  function variablesOf(recipe: string): Variables {
    const [, rest = ""] = page.split(`### ${recipe}`);
    const [, block = ""] = /```toml\n([\s\S]+?)```/.exec(rest) ?? [];
    const filled = block
      .replaceAll("<domain>", "guildhub.eu.auth0.com")
      .replaceAll("<client id of GuildHub page>", "aBcD1234");
    return parseVariables(filled.replaceAll(/^ +/gm, ""));
  }

  /** All edits of the page's steps 1, 3 and 4. */
  function fillIn(variables: Variables): string {
    const route = blocksOf("toml").find((block) => block.startsWith("routes"));
    const values: Variables = { ...variables, PRIMARY_GUILD_ID: GUILD, WEB_ORIGIN: ORIGIN };
    const [before = "", production = ""] = toml.split("# ---- production ---");
    let filled = production.replace(/^name = .*$/m, (name) => `${name}\n${route?.trim()}`);
    for (const [name, value] of Object.entries(values)) {
      expect(filled, `${name} has a line`).toMatch(new RegExp(`^${name} = `, "m"));
      filled = filled.replace(new RegExp(`^${name} = .*$`, "m"), `${name} = "${value}"`);
    }
    return `${before}# ---- production ---${filled.replace(
      /^database_id = .*$/m,
      'database_id = "5f9c1a52-4b1e-4d0e-9a34-2f6d5b8e1c90"',
    )}`;
  }

  it.each(RECIPES)("is a configuration that the Worker accepts: %s", (recipe) => {
    const variables = variablesOf(recipe);
    expect(Object.keys(variables)).toHaveLength(4);
    const vars = parseTomlVars(fillIn(variables), "env.production.vars");
    const { rooms } = parseConfig({
      ...vars,
      HUB_SECRET: freshSecret(),
      DISCORD_BOT_TOKEN: freshSecret(),
    });
    expect(rooms?.jwt.audience).toBe("guildhub");
    expect(rooms?.jwt.jwksUrl.startsWith(rooms.jwt.issuer)).toBe(true);
    expect(rooms?.webOrigins).toEqual([ORIGIN]);
  });

  describe("in a copy of this repository", () => {
    let copy: string;
    beforeAll(async () => {
      copy = await mkdtemp(path.join(tmpdir(), "guildhub-deploy-"));
      for (const linked of ["node_modules", "migrations"]) {
        await symlink(path.join(ROOT, linked), path.join(copy, linked));
      }
      const files = ["package.json", "package-lock.json", "tsconfig.json"];
      for (const copied of ["dev", "console", "src", "drizzle", ...files]) {
        await cp(path.join(ROOT, copied), path.join(copy, copied), {
          recursive: true,
          filter: (file) => !file.endsWith("console/dist"),
        });
      }
    });
    afterAll(() => rm(copy, { recursive: true, force: true }));

    it("deploys with the page, in a dry run", async () => {
      const filled = fillIn(variablesOf(RECIPES[0] ?? ""));
      await writeFile(path.join(copy, "wrangler.toml"), filled);
      const { status, stdout, stderr } = run("dev/deploy.ts", ["production", "--dry-run"], copy);
      expect(status, `${stdout}${stderr}`).toBe(0);
      expect(stdout).toContain("--dry-run: exiting now.");
      expect(stdout).toContain('env.JWT_ISSUER ("https://guildhub.eu.auth0.com/")');
      await expect(readFile(path.join(copy, "console/dist/index.html"), "utf8")).resolves.toContain(
        "<script",
      );
    });

    it("deploys sync alone with nothing filled in but its name and the database", async () => {
      const [before = "", production = ""] = toml.split("# ---- production ---");
      const filled = production
        .replace(/^AREAS = .*$/m, 'AREAS = "sync"')
        .replace(/^database_id = .*$/m, 'database_id = "5f9c1a52-4b1e-4d0e-9a34-2f6d5b8e1c90"');
      const text = `${before}# ---- production ---${filled}`;
      await writeFile(path.join(copy, "wrangler.toml"), text);
      const { status, stdout, stderr } = run("dev/deploy.ts", ["production", "--dry-run"], copy);
      expect(status, `${stdout}${stderr}`).toBe(0);
      expect(stdout).toContain("env.USER_HUB (UserHub)");
    }, 90_000);

    it("deploys nothing without an environment, and prints the right command", async () => {
      await writeFile(path.join(copy, "wrangler.toml"), toml);
      const wrangler = "node_modules/wrangler/bin/wrangler.js";
      const { status, stdout, stderr } = run(wrangler, ["deploy", "--dry-run"], copy);
      expect(status).not.toBe(0);
      expect(`${stdout}${stderr}`).toContain("npm run deploy -- production");
    }, 90_000);

    it("names the missing values before it builds anything", async () => {
      await writeFile(path.join(copy, "wrangler.toml"), toml);
      const { status, stdout, stderr } = run("dev/deploy.ts", ["production", "--dry-run"], copy);
      expect([status, stdout]).toEqual([1, ""]);
      for (const name of ["PRIMARY_GUILD_ID", "JWT_ISSUER", "WEB_ORIGIN", "database_id"]) {
        expect(stderr).toContain(name);
      }
    }, 90_000);
  });
});
