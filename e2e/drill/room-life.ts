import { setTimeout as delay } from "node:timers/promises";
import { randomUUID } from "node:crypto";
import { z } from "zod";
import { LOBBY } from "../../dev/discord/seed.ts";
import { Api, type Answer } from "../../dev/testing/api.ts";
import type { Drill } from "./drill.ts";
import { grantsOf, GUESTS, MANAGER_SCOPE, OWNERS } from "./fleet.ts";
import type { Random } from "./random.ts";

const RETRY_MS = 500;
const Created = z.object({ channelId: z.string() });

/** Users of Discord who move between channels. */
const MOVERS = Array.from({ length: 14 }, (_, at) => String(200_000_000_000_000_000n + BigInt(at)));

/** What people do: they open public and private rooms, move between channels in Discord, and end rooms. */
export class RoomLife {
  readonly #drill: Drill;
  readonly #random: Random;
  readonly #rooms = new Map<string, Api>();
  #made = 0;

  constructor(drill: Drill) {
    this.#drill = drill;
    this.#random = drill.random.fork("rooms");
  }

  /** Channels of the open rooms. */
  get channels(): readonly string[] {
    return [...this.#rooms.keys()];
  }

  /** Opens a room; every second one is private. Repeats until it works or the signal aborts. */
  async open(signal: AbortSignal): Promise<void> {
    this.#made += 1;
    const { log, stack } = this.#drill;
    const name = `Drill ${this.#made} ${randomUUID().slice(0, 8)}`;
    const isPrivate = this.#made % 2 === 0;
    const owner = this.#random.pick(OWNERS);
    const allowedUserIds = isPrivate ? this.#random.shuffle(GUESTS).slice(0, 2) : [];
    const audience = isPrivate
      ? [
          ...grantsOf({ sub: owner.sub }),
          ...allowedUserIds.map((id) => `discord:${id}`),
          `scope:${MANAGER_SCOPE}`,
        ]
      : null;
    // Recorded before the request: whatever happens to it, a room with this name has this audience.
    log.truth({ k: "room", name, audience });
    const key = { "idempotency-key": randomUUID() };
    const api = new Api(stack, await stack.token(owner.sub, { ...owner, expiresIn: 3_600 }));
    const body = { name, userLimit: 0, private: isPrivate, allowedUserIds };
    const answer = await untilDone(() => api.call("POST", "/create-room", body, key), signal);
    if (answer !== null) this.#rooms.set(Created.parse(answer.body).channelId, api);
  }

  /** Ends one of the rooms, with users in it. */
  async endOne(signal: AbortSignal): Promise<void> {
    const [channelId, api] = this.#random.pick([...this.#rooms]);
    this.#rooms.delete(channelId);
    await untilDone(() => api.call("DELETE", `/end-room/${channelId}`), signal);
  }

  /** Moves users until the signal, also to a channel that is not our room. */
  async moveAround(perSecond: number, signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const user = this.#random.pick(MOVERS);
      const target = this.#random.pick([...this.channels, ...this.channels, LOBBY, null]);
      // A room may have just ended. A mute causes no event.
      await this.#drill.stack.discord.move(user, target, this.#random.chance(0.1)).catch(() => {});
      const rest = (1000 * (0.2 + 1.6 * this.#random.next())) / perSecond;
      await delay(rest, undefined, { signal }).catch(() => {});
    }
  }

  /** Opens and ends rooms regularly until the signal. */
  async turnOver(everyMs: number, signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await delay(everyMs * (0.5 + this.#random.next()), undefined, { signal }).catch(() => {});
      if (signal.aborted) return;
      await this.open(signal);
      await this.endOne(signal);
    }
  }
}

/**
 * Repeats a request until it works or the signal aborts.
 * @returns null when the signal aborted it
 */
async function untilDone(ask: () => Promise<Answer>, signal: AbortSignal): Promise<Answer | null> {
  while (!signal.aborted) {
    const answer = await ask().catch(() => null);
    if (answer?.status === 200) return answer;
    await delay(RETRY_MS, undefined, { signal }).catch(() => {});
  }
  return null;
}
