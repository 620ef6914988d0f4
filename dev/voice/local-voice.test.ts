import { describe, expect, it, onTestFinished } from "vitest";
import { httpVoice } from "../../src/features/sync/adapters/http-voice.ts";
import { control } from "../doubles/control.ts";
import { type LocalVoice, startLocalVoice } from "./local-voice.ts";

const KEY = "key-of-elevenlabs";
const NOW = Date.parse("2026-06-01T00:00:00Z");

async function start(): Promise<LocalVoice> {
  const voice = await startLocalVoice({ port: 0, apiKey: KEY, clock: () => NOW });
  onTestFinished(() => voice.close());
  return voice;
}

/** What the Worker asks these services with. */
const worker = ({ url }: LocalVoice, apiKey = KEY) =>
  httpVoice(
    {
      elevenLabs: { apiKey, apiUrl: `${url}/elevenlabs` },
      revenueCat: { apiUrl: `${url}/revenuecat`, publicKeys: [] },
    },
    () => NOW,
  );

describe("the local ElevenLabs", () => {
  it("gives a token for each conversation, to who has the key", async () => {
    const voice = await start();
    expect(await worker(voice).conversationToken("agent&1")).toBe("conversation-1");
    expect(await worker(voice).conversationToken("agent 2")).toBe("conversation-2");
    expect(await worker(voice, "another-key").conversationToken("agent")).toBeNull();
    expect(await control(voice, "GET", "/state")).toMatchObject({
      tokens: [
        { token: "conversation-1", agentId: "agent&1" },
        { token: "conversation-2", agentId: "agent 2" },
      ],
    });
  });

  it("refuses in its own words", async () => {
    const voice = await start();
    const ask = async (query: string, headers = {}): Promise<number> =>
      (await fetch(`${voice.url}/elevenlabs/v1/convai/conversation/token${query}`, { headers }))
        .status;
    expect(await ask("?agent_id=a")).toBe(401);
    expect(await ask("?agent_id=a", { "xi-api-key": "wrong" })).toBe(401);
    expect(await ask("", { "xi-api-key": KEY })).toBe(422);
  });
});

describe("the local RevenueCat", () => {
  it("knows who has paid, and until when", async () => {
    const voice = await start();
    const isEntitled = (id: string) => worker(voice).isEntitled(id, "appl_key");
    const pay = (id: string, purchase: object) =>
      control(voice, "POST", `/customers/${id}`, purchase);
    expect(await isEntitled("new")).toBe(false);
    await pay("paid", {});
    await pay("until-tomorrow", { expiresAt: "2026-06-02T00:00:00Z" });
    await pay("until-yesterday", { expiresAt: "2026-05-31T00:00:00Z" });
    await pay("other", { entitlement: "other" });
    for (const [id, answer] of [
      ["paid", true],
      ["until-tomorrow", true],
      ["until-yesterday", false],
      ["other", false],
    ] as const) {
      expect([id, await isEntitled(id)]).toEqual([id, answer]);
    }
    await control(voice, "DELETE", "/customers/paid");
    expect(await isEntitled("paid")).toBe(false);
    await expect(control(voice, "DELETE", "/customers/nobody")).rejects.toThrow("no such customer");
  });

  it("makes a customer of everybody, and asks for a key", async () => {
    const voice = await start();
    const ask = async (headers: Record<string, string>): Promise<number> =>
      (await fetch(`${voice.url}/revenuecat/v1/subscribers/x`, { headers })).status;
    expect(await ask({})).toBe(401);
    expect(await ask({ Authorization: "Bearer appl_key" })).toBe(201);
    expect(await ask({ Authorization: "Bearer appl_key" })).toBe(200);
  });
});

describe("faults", () => {
  it("are of one service, for so many calls", async () => {
    const voice = await start();
    const fault = (body: object) => control(voice, "POST", "/faults", body);
    await control(voice, "POST", "/customers/paid", {});
    const both = async () => [
      await worker(voice).conversationToken("a"),
      await worker(voice).isEntitled("paid", "k"),
    ];
    await fault({ service: "elevenlabs", status: 500, times: 1 });
    expect(await both()).toEqual([null, true]);
    expect(await both()).toEqual(["conversation-1", true]);
    await fault({ service: "revenuecat", status: 0, times: 1 });
    expect(await both()).toEqual(["conversation-2", false]);
    await fault({ service: "revenuecat", status: 200, body: "no JSON", times: 1 });
    expect(await both()).toEqual(["conversation-3", false]);
    await fault({ service: "elevenlabs", status: 200, delayMs: 1, times: 1 });
    await fault({ service: "revenuecat", times: 1 });
    await fault({ service: "revenuecat", times: 0 });
    expect(await both()).toEqual(["conversation-4", true]);
    await expect(fault({ service: "nobody", times: 1 })).rejects.toThrow("400");
  });
});
