import type { DiscordCall } from "../platform/discord/call.ts";
import { createDiscordClient } from "../platform/discord/discord-client.ts";
import { FullCategories } from "../platform/discord/full-categories.ts";
import type { DiscordClient, NewVoiceChannel } from "../platform/discord/operations.ts";
import { RateLimits } from "../platform/discord/rate-limits.ts";
import { sendToDiscord } from "../platform/discord/send.ts";

/** A request as it was sent. */
export type Sent = { readonly url: string; readonly init: RequestInit };
/** The answer to a request. */
export type Reply = Response | "connection lost";

export const TOKEN = "a-token-that-must-not-leak";

/** A channel to create. */
export const ROOM: NewVoiceChannel = {
  guildId: "1",
  name: "Ünder the ⭐",
  userLimit: 4,
  parentId: null,
  overwrites: null,
  reason: "Opened (room 01H) – ★",
};

/** A client that gets `replies`, in order. Its clock moves only when it sleeps. */
export function discordWithReplies(replies: readonly Reply[], budgetMs = 3_000) {
  const sent: Sent[] = [];
  const waited: number[] = [];
  let now = 0;
  const clock = () => now;
  const limits = new RateLimits();
  const left = [...replies];
  const send = (call: DiscordCall) =>
    sendToDiscord(call, {
      fetch: async (url, init) => {
        sent.push({ url, init });
        const reply = left.shift();
        if (reply === undefined) throw new Error("no reply was prepared");
        if (reply === "connection lost") throw new TypeError("network");
        return reply;
      },
      baseUrl: "https://discord.test/api/v10",
      token: TOKEN,
      limits,
      full: new FullCategories(),
      clock,
      remember: () => {},
    });
  const client: DiscordClient = createDiscordClient({
    send,
    budgetMs,
    clock,
    sleep: async (ms) => {
      waited.push(ms);
      now += ms;
    },
    random: () => 0.5,
  });
  return { client, sent, waited };
}

/** The JSON of a request. */
export const bodyOf = (one: Sent | undefined): unknown =>
  typeof one?.init.body === "string" ? JSON.parse(one.init.body) : undefined;
/** A JSON answer. */
export const json = (status: number, body: unknown, headers: Record<string, string> = {}) =>
  new Response(JSON.stringify(body), { status, headers });
