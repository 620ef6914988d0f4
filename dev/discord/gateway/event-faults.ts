import type { DispatchData } from "../model.ts";

/** What becomes of every event of one name. */
export interface EventFault {
  /** How often it is sent: 0 loses it, 2 sends it twice. */
  readonly copies: number;
  /** Lists are added to those of the event, anything else stands instead of it. */
  readonly merge: DispatchData;
}

/** Events that are lost, doubled or odd, because a test asked for it: the real Discord has all of them. */
export class EventFaults {
  readonly #faults = new Map<string, EventFault>();

  /** From now on, for every event of that name; null: as usual. */
  set(event: string, fault: EventFault | null): void {
    if (fault === null) this.#faults.delete(event);
    else this.#faults.set(event, fault);
  }

  /** What is sent instead of one event. */
  copiesOf(event: string, data: DispatchData): readonly DispatchData[] {
    const fault = this.#faults.get(event);
    if (fault === undefined) return [data];
    const merged = Object.fromEntries(
      Object.entries(fault.merge).map(([name, value]) => {
        const present = data[name];
        const both = Array.isArray(present) && Array.isArray(value);
        return [name, both ? [...present, ...value] : value];
      }),
    );
    return Array.from({ length: fault.copies }, () => ({ ...data, ...merged }));
  }
}
