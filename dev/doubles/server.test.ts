import { request } from "node:http";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { WebSocket } from "ws";
import type { RunningDouble } from "./server.ts";
import { startLocalDiscord } from "../discord/local-discord.ts";
import { startLocalFaceit } from "../faceit/local-faceit.ts";
import { startIdentityProvider } from "../idp/identity-provider.ts";
import { startLocalVoice } from "../voice/local-voice.ts";

const FOREIGN = ["evil.example", "127.0.0.1.evil.example:80", "localhost.evil.example", "a b"];
const OWN = ["127.0.0.1", "localhost:8787", "[::1]:9000", "discord"];

const START: Readonly<Record<string, () => Promise<RunningDouble>>> = {
  "the identity provider": () =>
    startIdentityProvider({
      port: 0,
      audience: "guildhub",
      clientId: "page",
      webOrigins: ["http://127.0.0.1:1"],
    }),
  "the local Discord": () => startLocalDiscord({ port: 0, botToken: "t" }),
  "the local services of voice": () => startLocalVoice({ port: 0 }),
  "the local FACEIT": () =>
    startLocalFaceit({
      port: 0,
      apiKey: "k",
      clientId: "c",
      redirectUris: [],
      webhookUrl: "http://127.0.0.1:1/",
      webhookHeader: "X-Secret",
      webhookSecret: "s",
    }),
};

/** The status of a request with this `Host`, which `fetch` would overwrite. */
function statusOf(url: string, host: string, method: string, body?: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const sent = request(url, { method, headers: { host } }, (response) => {
      response.resume();
      resolve(response.statusCode ?? 0);
    });
    sent.on("error", reject);
    sent.end(body);
  });
}

describe.each(Object.entries(START))("%s", (_, start) => {
  let double: RunningDouble;
  beforeAll(async () => {
    double = await start();
  });
  afterAll(() => double.close());

  it.each(FOREIGN)("answers 403 to a page at the host name %s", async (host) => {
    const paths = ["/", "/dev/token", "/jwks", "/auth", "/token", "/_control/state", "/oauth2/x"];
    for (const path of paths) {
      for (const [method, body] of [["GET"], ["POST", '{"sub":"evil"}']] as const) {
        const status = await statusOf(new URL(path, double.url).href, host, method, body);
        expect([path, method, status]).toEqual([path, method, 403]);
      }
    }
  });

  it.each(OWN)("answers at its own host name %s", async (host) => {
    expect(await statusOf(new URL("/", double.url).href, host, "GET")).not.toBe(403);
  });
});

describe("the gateway of the local Discord", () => {
  it("refuses a page at a name on the internet, and a page of another site", async () => {
    const discord = await startLocalDiscord({ port: 0, botToken: "t" });
    const outcome = (headers: Record<string, string>): Promise<string> =>
      new Promise((resolve) => {
        const socket = new WebSocket(`${discord.url.replace("http", "ws")}/?v=10&encoding=json`, {
          headers,
        });
        socket.once("open", () => resolve("open"));
        socket.once("error", ({ message }) => resolve(message));
        socket.once("open", () => socket.terminate());
      });
    try {
      expect(await outcome({ host: "evil.example" })).toContain("403");
      expect(await outcome({ origin: "https://evil.example" })).toContain("403");
      expect(await outcome({})).toBe("open");
    } finally {
      await discord.close();
    }
  });
});

describe("POST /dev/token", () => {
  it("accepts callers without an origin and pages of this machine only", async () => {
    const { url, close } = (await START["the identity provider"]?.()) ?? expect.fail("no provider");
    const from = async (headers: Record<string, string>): Promise<number> => {
      const body = JSON.stringify({ sub: "alice" });
      return (await fetch(`${url}/dev/token`, { method: "POST", headers, body })).status;
    };
    try {
      expect(await from({})).toBe(200);
      expect(await from({ origin: "http://127.0.0.1:8787" })).toBe(200);
      for (const origin of ["https://evil.example", "http://127.0.0.1.evil.example", "null"]) {
        expect(await from({ origin })).toBe(403);
      }
    } finally {
      await close();
    }
  });
});
