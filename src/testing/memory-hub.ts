import { type Handover, HANDOVER_HEADER, writeHandover } from "../hub/handover.ts";
import type { HubObject } from "../hub/hub-object.ts";
import type { Upgrade } from "../hub/runtime.ts";
import type { MemoryObject, MemorySocket } from "./memory-platform.ts";
import type { VirtualTime } from "./virtual-time.ts";

/** Signal of a client that never aborts. */
const STAYS = new AbortController().signal;

/** The request with which the Worker hands a client over. */
export function upgradeOf(handover: Handover): Upgrade {
  const text = writeHandover(handover);
  return {
    headers: { get: (name) => (name === HANDOVER_HEADER ? text : null) },
    signal: STAYS,
  };
}

/** Connects a client. @returns its socket, which may be closed already. @throws when the upgrade is refused */
export async function enterHub(
  hub: MemoryObject<HubObject>,
  time: VirtualTime,
  handover: Handover,
): Promise<MemorySocket> {
  const connecting = hub.connect(upgradeOf(handover));
  // Clients are let in one after the other.
  await time.pass(100);
  const answer = await connecting;
  if (typeof answer === "number") throw new Error(`refused with ${answer}`);
  return answer;
}

/** Lets a hub sleep and wake, once nothing keeps it awake. */
export async function sleepHub(hub: MemoryObject<HubObject>, time: VirtualTime): Promise<void> {
  for (let ms = 0; ms < 1_000 && hub.isBusy; ms += 1) await time.pass(1);
  hub.evict();
}
