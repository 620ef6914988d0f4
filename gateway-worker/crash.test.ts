import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { SOON } from "../src/testing/soon.ts";
import { z } from "zod";
import { Child } from "./fixtures/child.ts";
import { FakeGateway } from "./fixtures/fake-gateway.ts";
import { FakeHub } from "./fixtures/fake-hub.ts";

const GUILD = "100000000000000001";
const SECRET = "crash-test-hub-secret-0123456789-abcdef";
const TOKEN = "crash-test-bot-token-0123456789-abcdefg";

const VoiceState = z.object({ userId: z.string(), channelId: z.string() });

let gateway: FakeGateway;
let hub: FakeHub;
let stateDir: string;
let child: Child | null = null;

beforeEach(async () => {
  gateway = new FakeGateway();
  hub = new FakeHub(SECRET);
  await Promise.all([gateway.listen(), hub.listen()]);
  stateDir = await mkdtemp(join(tmpdir(), "gateway-worker-"));
  gateway.guilds = [
    {
      id: GUILD,
      channels: ["c1", "c2", "c3"].map((id) => ({ id, type: 2, name: id, user_limit: 4 })),
    },
  ];
});

afterEach(async () => {
  await child?.kill("SIGKILL");
  child = null;
  await Promise.all([gateway.close(), hub.close()]);
  await rm(stateDir, { recursive: true, force: true });
});

function start(more: Readonly<Record<string, string>> = {}): Child {
  child = new Child({
    DISCORD_BOT_TOKEN: TOKEN,
    PRIMARY_GUILD_ID: GUILD,
    HUB_ENDPOINT: hub.endpoint,
    HUB_SECRET: SECRET,
    DISCORD_API_URL: gateway.apiUrl,
    STATE_DIR: stateDir,
    ...more,
  });
  return child;
}

/** A small deterministic random generator, so that a failing run can be repeated. */
function dice(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

/** People who move between the channels, and the events that every client must get for their moves. */
class Wanderers {
  readonly #roll: () => number;
  readonly at = new Map<string, string>();
  readonly expected: string[] = [];
  running = true;

  constructor(seed: number) {
    this.#roll = dice(seed);
  }

  move(): void {
    const user = `u${Math.floor(this.#roll() * 5)}`;
    const to = [null, "c1", "c2", "c3"][Math.floor(this.#roll() * 4)] ?? null;
    const from = this.at.get(user) ?? null;
    gateway.voice(GUILD, user, to);
    // The same channel again means a mute or a camera, which is no event.
    if (from === to) return;
    if (from !== null) this.expected.push(`voice.left ${from} ${user}`);
    if (to === null) this.at.delete(user);
    else {
      this.at.set(user, to);
      this.expected.push(`voice.joined ${to} ${user}`);
    }
  }

  async run(): Promise<void> {
    while (this.running) {
      this.move();
      await delay(3);
    }
  }
}

function heard(): string[] {
  return hub
    .of(GUILD)
    .filter(({ event }) => event.startsWith("voice."))
    .map(
      ({ event, payload }) =>
        `${event} ${String(payload["channelId"])} ${String(payload["userId"])}`,
    );
}

test("SIGKILL at any moment loses no dispatch and announces none twice", async () => {
  const seed = Math.floor(Math.random() * 2 ** 31);
  const roll = dice(seed);
  const people = new Wanderers(seed);
  let current = start();
  await vi.waitUntil(() => hub.of(GUILD).length > 0, SOON);
  const wandering = people.run();
  for (let kills = 0; kills < 6; kills += 1) {
    const resumes = gateway.count(6);
    await delay(roll() * 120);
    await current.kill("SIGKILL");
    // A lost answer must not lead to a second announcement either.
    if (kills % 2 === 0) hub.script.push({ status: 200, afterEffect: true, cut: true });
    current = start();
    await vi.waitUntil(() => gateway.count(6) > resumes, SOON);
  }
  people.running = false;
  await wandering;
  await vi.waitUntil(() => heard().length >= people.expected.length, SOON);

  expect(heard(), `seed ${seed}`).toEqual(people.expected);
  expect(new Set(hub.events.map(({ id }) => id)).size).toBe(hub.events.length);
  expect(hub.gaps).toBe(0);
  expect(gateway.count(2), "IDENTIFYs").toBe(1);
  // Each new process resumes and then sends the hub its whole state, which must match the events.
  const joined = new Map<string, unknown>();
  for (const { event, payload } of hub.of(GUILD)) {
    if (event === "voice.left") joined.delete(String(payload["userId"]));
    if (event === "voice.joined") joined.set(String(payload["userId"]), payload["channelId"]);
    if (event !== "guild.snapshot") continue;
    const states = z.array(VoiceState).parse(payload["voiceStates"]);
    expect(new Map(states.map(({ userId, channelId }) => [userId, channelId]))).toEqual(joined);
  }
});
