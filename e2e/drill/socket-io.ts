import {
  openWire,
  type Entrance,
  type Wire,
  type WireEvents,
} from "../../dev/testing/wire/wire.ts";
import type { Claim, SeenEvent } from "./history.ts";

type About = { readonly seq: number; readonly id: string; readonly ts: number };

/**
 * A client that speaks Socket.IO's text protocol, and turns each packet into the equivalent frame.
 * @param claim the position to resume from; null: none
 */
export function openSocketIo(
  entrance: Entrance,
  token: string,
  claim: Claim | null,
  events: WireEvents,
): Wire {
  let epoch = claim?.epoch ?? "";
  /** The last seq that it has; null: it gets the whole state first. */
  let last = claim?.seq ?? null;
  let isGreeted = false;
  let code: number | null = null;
  const tell = (frame: object): void => events.onText(JSON.stringify(frame));
  /** The position of the session is known with the first packet after CONNECT. */
  const greet = (seq: number): void => {
    if (!isGreeted) tell({ type: "ack", epoch, seq });
    isGreeted = true;
  };
  const take = (name: string, args: readonly unknown[]): void => {
    switch (name) {
      case "snapshot": {
        const whole = args[0] as { readonly epoch: string; readonly seq: number };
        ({ epoch, seq: last } = whole);
        greet(last);
        tell({ type: "snapshot", ...whole });
        return;
      }
      case "resumed": {
        const { from, to } = args[0] as { readonly from: number; readonly to: number };
        greet(to);
        tell({ type: "resumed", epoch, from, to });
        return;
      }
      case "close":
        ({ code } = args[0] as { readonly code: number });
        return;
      case "auth.expiring":
      case "reauth.ok":
      case "error":
        tell({ type: name, ...(args[0] as object) });
        return;
    }
    const [payload, about] = args as [SeenEvent["payload"], About | { readonly key: string }];
    if ("key" in about) {
      tell({ type: "signal" });
      return;
    }
    const { seq } = about;
    greet(last ?? seq);
    // Socket.IO shows no jumps. The judge finds what is missing in the journal.
    const jump = last === null || seq === last + 1 ? {} : { prev: last };
    last = seq;
    tell({ type: "event", event: name, payload, ...about, ...jump });
  };
  const wire = openWire(entrance, {
    onText: (text) => {
      const kind = text.slice(0, 2);
      if (text === "2") wire.send("3");
      else if (text.startsWith("0")) {
        const resume = claim === null ? {} : { pid: `${claim.epoch}.`, offset: String(claim.seq) };
        wire.send(`40${JSON.stringify({ token, ...resume })}`);
      } else if (kind === "42") {
        const [name, ...args] = JSON.parse(text.slice(2)) as [string, ...unknown[]];
        take(name, args);
      } else if (kind === "44") {
        const { data } = JSON.parse(text.slice(2)) as { readonly data: { readonly code: number } };
        ({ code } = data);
      } else if (kind !== "40" && kind !== "41") events.onText("");
    },
    onClose: (closed) => events.onClose(code ?? closed),
    onRefused: events.onRefused,
  });
  return wire;
}
