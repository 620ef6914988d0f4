import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { HUB_NAME_MAX_LENGTH, PLACEMENT_TTL_MS } from "../protocol/limits.ts";
import type { HubEnv } from "./env.ts";
import { KIND } from "../testing/virtual-guild.ts";
import { askPlacementAgain, forgetPlacement, placeOf } from "./placement-cache.ts";

const GUILD = "guild";

type Answer = (placement: { readonly relays: readonly number[] }) => void;

/** A hub that answers when the test says so. `asked` has a function for each pending call. */
function slowHub() {
  const asked: Answer[] = [];
  const stub = { place: () => new Promise((resolve: Answer) => asked.push(resolve)) };
  const HUB = { getByName: () => stub };
  return { asked, env: { HUB } as unknown as HubEnv };
}

beforeEach(() => {
  vi.useFakeTimers();
  forgetPlacement(KIND, GUILD);
});

afterEach(() => vi.useRealTimers());

describe("placement of clients", () => {
  it("lets no client wait for the call of a client that hung up", async () => {
    const { asked, env } = slowHub();
    // The request of this client is cancelled, so this call never settles.
    void placeOf(KIND, env, GUILD, "gone");
    const other = placeOf(KIND, env, GUILD, "alice");
    asked[1]?.({ relays: [3] });
    expect(await other).toEqual({ relay: 3 });
    expect(await placeOf(KIND, env, GUILD, "bob")).toEqual({ relay: 3 });
    expect(asked).toHaveLength(2);
  });

  it("asks no hub whose name no hub may have", async () => {
    const { asked, env } = slowHub();
    for (const name of ["", `${GUILD}:0`, "n".repeat(HUB_NAME_MAX_LENGTH + 1)]) {
      expect(await placeOf(KIND, env, name, "alice")).toEqual({});
    }
    expect(asked).toEqual([]);
  });

  it("asks once for a newer placement, and again when that client hung up", async () => {
    const { asked, env } = slowHub();
    const first = placeOf(KIND, env, GUILD, "alice");
    asked[0]?.({ relays: [3] });
    await first;
    vi.advanceTimersByTime(PLACEMENT_TTL_MS);
    void placeOf(KIND, env, GUILD, "gone");
    expect(await placeOf(KIND, env, GUILD, "alice")).toEqual({ relay: 3 });
    expect(asked).toHaveLength(2);
    vi.advanceTimersByTime(1_000);
    const next = placeOf(KIND, env, GUILD, "alice");
    asked[2]?.({ relays: [] });
    expect(await next).toEqual({});
  });

  it("asks again when an object had no room, at most once a second, however many are refused", async () => {
    const { asked, env } = slowHub();
    askPlacementAgain(KIND, GUILD);
    const first = placeOf(KIND, env, GUILD, "alice");
    asked[0]?.({ relays: [3] });
    await first;
    const refuse = async (count: number): Promise<void> => {
      for (let i = 0; i < count; i += 1) {
        expect(await placeOf(KIND, env, GUILD, "alice")).toEqual({ relay: 3 });
        askPlacementAgain(KIND, GUILD);
      }
    };
    await refuse(20);
    expect(asked).toHaveLength(1);
    vi.advanceTimersByTime(1_000);
    const next = placeOf(KIND, env, GUILD, "alice");
    await refuse(20);
    expect(asked).toHaveLength(2);
    asked[1]?.({ relays: [5] });
    expect(await next).toEqual({ relay: 5 });
    expect(await placeOf(KIND, env, GUILD, "bob")).toEqual({ relay: 5 });
    askPlacementAgain(KIND, GUILD);
    vi.advanceTimersByTime(1_000);
    void placeOf(KIND, env, GUILD, "alice");
    expect(asked).toHaveLength(3);
  });
});
