import { setTimeout as delay } from "node:timers/promises";
import { randomUUID } from "node:crypto";
import { z } from "zod";
import { Api } from "../../dev/testing/api.ts";
import type { DiscordControl } from "../../dev/discord/control-client.ts";
import type { Stack } from "../../dev/testing/stack.ts";
import { grantsOf, type Identity } from "./client-spec.ts";
import type { DrillLog } from "./drill-log.ts";
import type { Random } from "./random.ts";

/** The scope that sees and ends every room. */
export const MANAGER_SCOPE = "rooms:manage";
const RETRY_MS = 500;
const Created = z.object({ channelId: z.string() });

/** Users of Discord who move between channels. */
const MOVERS = Array.from({ length: 14 }, (_, at) => String(200_000_000_000_000_000n + BigInt(at)));

/** What people do: they open public and private rooms, move between channels in Discord, and end rooms. */
export class RoomLife {
  readonly #stack: Stack;
  readonly #discord: DiscordControl;
  readonly #random: Random;
  readonly #log: DrillLog;
  readonly #owners: readonly Identity[];
  readonly #guests: readonly string[];
  readonly #rooms = new Map<string, Api>();
  #made = 0;

  /** @param guests Discord ids, some of which are admitted to each private room */
  constructor(parts: {
    readonly stack: Stack;
    readonly discord: DiscordControl;
    readonly random: Random;
    readonly log: DrillLog;
    readonly owners: readonly Identity[];
    readonly guests: readonly string[];
  }) {
    this.#stack = parts.stack;
    this.#discord = parts.discord;
    this.#random = parts.random;
    this.#log = parts.log;
    this.#owners = parts.owners;
    this.#guests = parts.guests;
  }

  /** Channels of the open rooms. */
  get channels(): readonly string[] {
    return [...this.#rooms.keys()];
  }

  /** Opens a room; every second one is private. Repeats until it works or the signal aborts. */
  async open(signal: AbortSignal): Promise<void> {
    this.#made += 1;
    const name = `Drill ${this.#made} ${randomUUID().slice(0, 8)}`;
    const isPrivate = this.#made % 2 === 0;
    const owner = this.#random.pick(this.#owners);
    const allowedUserIds = isPrivate ? this.#random.shuffle(this.#guests).slice(0, 2) : [];
    const audience = isPrivate
      ? [
          ...grantsOf({ sub: owner.sub }),
          ...allowedUserIds.map((id) => `discord:${id}`),
          `scope:${MANAGER_SCOPE}`,
        ]
      : null;
    // Recorded before the request: whatever happens to it, a room with this name has this audience.
    this.#log.truth({ k: "room", name, audience });
    const key = { "idempotency-key": randomUUID() };
    const api = new Api(
      this.#stack,
      await this.#stack.token(owner.sub, { ...owner, expiresIn: 3_600 }),
    );
    const body = { name, userLimit: 0, private: isPrivate, allowedUserIds };
    while (!signal.aborted) {
      const answer = await api.call("POST", "/create-room", body, key).catch(() => null);
      if (answer?.status === 200) {
        this.#rooms.set(Created.parse(answer.body).channelId, api);
        return;
      }
      await delay(RETRY_MS, undefined, { signal }).catch(() => {});
    }
  }

  /** Ends one of the rooms with everybody in it. */
  async endOne(signal: AbortSignal): Promise<void> {
    const channelId = this.#random.pick(this.channels);
    const api = this.#rooms.get(channelId);
    this.#rooms.delete(channelId);
    while (!signal.aborted) {
      const answer = await api?.call("DELETE", `/end-room/${channelId}`).catch(() => null);
      if (answer?.status === 200) return;
      await delay(RETRY_MS, undefined, { signal }).catch(() => {});
    }
  }

  /**
   * Moves users until the signal.
   * @param lobby a channel that is not our room
   */
  async moveAround(perSecond: number, lobby: string, signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const user = this.#random.pick(MOVERS);
      const target = this.#random.pick([...this.channels, ...this.channels, lobby, null]);
      // A room may have just ended. A mute changes nothing that anybody hears of.
      await this.#discord.move(user, target, this.#random.chance(0.1)).catch(() => {});
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
