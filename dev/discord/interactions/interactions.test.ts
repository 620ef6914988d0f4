import { createPublicKey, verify } from "node:crypto";
import type { RequestListener } from "node:http";
import { buffer } from "node:stream/consumers";
import { describe, expect, it, onTestFinished } from "vitest";
import { serveDouble } from "../../doubles/server.ts";
import { localApplication } from "../application.ts";
import type { LocalDiscord } from "../local-discord.ts";
import { control } from "../../doubles/control.ts";
import {
  asObject,
  BOT,
  call,
  GUILD,
  PLAYER,
  startForTest,
  TEXT_CHANNEL,
  TOKEN,
} from "../test-client.ts";

const PUBLIC_KEY = createPublicKey(localApplication(TOKEN).privateKey);
const OTHER = "100000000000000302";

type Answer = readonly [status: number, body: string] | "never";

/** An application's endpoint that checks signatures and gives the test's answer. */
async function endpoint(answer: (interaction: Record<string, unknown>) => Answer): Promise<string> {
  const url = await serve(async (request, response) => {
    const body = await buffer(request);
    const signature = Buffer.from(String(request.headers["x-signature-ed25519"]), "hex");
    const timestamp = Buffer.from(String(request.headers["x-signature-timestamp"]));
    const isGood = verify(null, Buffer.concat([timestamp, body]), PUBLIC_KEY, signature);
    const reply = isGood ? answer(asObject(JSON.parse(body.toString()))) : ([401, "{}"] as const);
    if (reply !== "never") response.writeHead(reply[0]).end(reply[1]);
  });
  return `${url}/interactions`;
}

/** Starts a server for one test. @returns its URL */
async function serve(request: RequestListener): Promise<string> {
  const { url, close } = await serveDouble({ port: 0, host: "127.0.0.1" }, () => ({ request }));
  onTestFinished(close);
  return url;
}

function message(data: object): Answer {
  return [200, JSON.stringify({ type: 4, data })];
}

/** A control call that may fail. */
async function use(
  { url }: LocalDiscord,
  body: object,
  path = "",
): Promise<{ status: number; body: Record<string, unknown> }> {
  const response = await fetch(`${url}/_control/interactions${path}`, {
    method: "POST",
    body: JSON.stringify(body),
  });
  return { status: response.status, body: asObject(await response.json()) };
}

describe("interactions of the local Discord", () => {
  it("sends a signed command and shows the answer", async () => {
    const got: Record<string, unknown>[] = [];
    const button = { type: 2, style: 5, label: "Link", url: "http://127.0.0.1:8787/faceit/link" };
    const interactionsUrl = await endpoint((interaction) => {
      got.push(interaction);
      const components = [{ type: 1, components: [button] }];
      return message({ content: "Press the button.", flags: 64, components });
    });
    const discord = await startForTest({ interactionsUrl });
    const commands = `/applications/${BOT}/guilds/${GUILD}/commands`;
    const options = [
      { type: 6, name: "user", description: "Who", required: true },
      { type: 3, name: "note", description: "Why", max_length: 5 },
    ];
    const { body: registered } = await call(discord, "PUT", commands, {
      body: [{ name: "whois", description: "Who is it", options }],
    });
    const whois = { userId: PLAYER, command: "whois" };
    expect(
      await use(discord, { ...whois, options: { user: OTHER, note: OTHER.slice(-3) } }),
    ).toEqual({
      status: 200,
      body: {
        status: 200,
        content: "Press the button.",
        ephemeral: true,
        buttons: [{ label: button.label, url: button.url }],
      },
    });
    expect(got).toMatchObject([
      {
        type: 2,
        version: 1,
        application_id: BOT,
        guild_id: GUILD,
        channel_id: TEXT_CHANNEL,
        context: 0,
        token: expect.stringMatching(/.{32}/),
        member: { user: { id: PLAYER, username: "player-1" }, permissions: expect.any(String) },
        data: {
          id: asObject(registered["0"])["id"],
          name: "whois",
          type: 1,
          guild_id: GUILD,
          options: [
            { name: "user", type: 6, value: OTHER },
            { name: "note", type: 3, value: "302" },
          ],
          resolved: { users: { [OTHER]: { username: "player-2" } }, members: { [OTHER]: {} } },
        },
      },
    ]);
    for (const [wrong, problem] of [
      [{ user: OTHER, other: "x" }, "options.other: /whois has no such option"],
      [{ user: "nobody" }, "options.user: there is no user nobody"],
      [{ user: OTHER, note: "too long" }, "options.note: too short or too long"],
      [{}, "options.user: is required"],
    ] as const) {
      const refused = await use(discord, { ...whois, options: wrong });
      expect([refused.status, refused.body["error"]]).toEqual([
        400,
        expect.stringContaining(problem),
      ]);
    }
    expect(got).toHaveLength(1);
  });

  it("gives a member the permissions of the guild, or those of the call", async () => {
    const interactionsUrl = await endpoint(({ member }) =>
      message({ content: `may ${String(asObject(member)["permissions"])}` }),
    );
    const discord = await startForTest({ interactionsUrl });
    const may = async (body: object): Promise<unknown> =>
      (await use(discord, { command: "register", ...body })).body["content"];
    const everyone = await may({ userId: PLAYER });
    expect(await may({ userId: "somebody-new" })).toBe(everyone);
    expect(await may({ userId: "100000000000000200" })).not.toBe(everyone);
    expect(await may({ userId: PLAYER, permissions: "8" })).toBe("may 8");
    await control(discord, "POST", "/members", { userId: PLAYER, member: false });
    expect((await use(discord, { command: "x", userId: PLAYER })).body).toEqual({
      error: `userId: ${PLAYER} is not in the guild`,
    });
  });

  it.each<[string, Answer, RegExp]>([
    ["fails", [500, "{}"], /did not respond: its endpoint answered 500/],
    ["is late", "never", /did not respond in time/],
    ["answers without JSON", [200, "<p>"], /must be JSON of type 4/],
    ["sends an empty message", message({ content: "" }), /the message is empty/],
    [
      "sends a message that is too long",
      message({ content: "x".repeat(2_001) }),
      /Must be 2000 or fewer/,
    ],
  ])("reports when an endpoint %s", async (_, answer, problem) => {
    const interactionsUrl = await endpoint(() => answer);
    const discord = await startForTest({ interactionsUrl, interactionDeadlineMs: 300 });
    const { status, body } = await use(discord, { userId: PLAYER, command: "link" });
    expect([status, body["error"]]).toEqual([502, expect.stringMatching(problem)]);
  });

  it("reports when there is no endpoint, and when it cannot be reached", async () => {
    const link = { userId: PLAYER, command: "link" };
    expect(await use(await startForTest(), link)).toMatchObject({
      status: 502,
      body: { error: expect.stringContaining("INTERACTIONS_URL") },
    });
    const interactionsUrl = "http://127.0.0.1:1/interactions";
    expect(await use(await startForTest({ interactionsUrl }), link)).toMatchObject({
      status: 502,
      body: { error: expect.stringContaining("cannot be reached") },
    });
  });

  it("checks an endpoint like Discord does before it saves it", async () => {
    const pong = await endpoint(({ type }) => [200, JSON.stringify({ type })]);
    const checked = await use(await startForTest({ interactionsUrl: pong }), {}, "/ping");
    expect(checked).toEqual({ status: 200, body: { ok: true } });
    const other = await endpoint(() => message({ content: "hello" }));
    const refused = await use(await startForTest({ interactionsUrl: other }), {}, "/ping");
    expect(refused).toMatchObject({ status: 502, body: { error: expect.stringMatching(/PONG/) } });
    const interactionsUrl = await serve((_, response) => response.end('{"type":1}'));
    const careless = await use(await startForTest({ interactionsUrl }), {}, "/ping");
    expect(careless.body["error"]).toMatch(/bad signature was answered with 200/);
  });
});
