import type { Outcome } from "../../../src/client/outcome.ts";
import type { AccountKeys } from "./account-keys.ts";
import { type Bytes, joined } from "./base64.ts";
import { sealBox } from "./boxes.ts";
import { terminalKeyIn } from "./pairing-link.ts";
import type { SyncApi } from "./sync-api.ts";

/** A terminal that waits to be let in. */
export type WaitingTerminal = {
  readonly key: Bytes;
  /** What it would get: a key for new data alone, or the account's secret. */
  readonly gets: "content-key" | "secret";
};

/** What came of looking for a terminal. */
export type Found =
  | { readonly kind: "waiting"; readonly terminal: WaitingTerminal }
  /** The text is no link of a terminal. */
  | { readonly kind: "no-link" }
  /** No terminal asks with this link, or not any more. */
  | { readonly kind: "unknown" }
  /** Somebody has let it in. */
  | { readonly kind: "used" };

/** Looks for the terminal of a link that was pasted or scanned. */
export async function findTerminal(api: SyncApi, text: string): Promise<Outcome<Found>> {
  const key = terminalKeyIn(text);
  if (key === null) return { ok: true, value: { kind: "no-link" } };
  const found = await api.pairingStatus(key);
  if (!found.ok) return found;
  switch (found.value.status) {
    case "not_found":
      return { ok: true, value: { kind: "unknown" } };
    case "authorized":
      return { ok: true, value: { kind: "used" } };
    case "pending": {
      const gets = found.value.supportsV2 ? "content-key" : "secret";
      return { ok: true, value: { kind: "waiting", terminal: { key, gets } } };
    }
  }
}

/**
 * What a terminal is sent, for it alone to read (sync.md §2.3).
 * @returns null: nobody can have the terminal's public key
 */
export function answerFor(
  { key, gets }: WaitingTerminal,
  { secret, content }: AccountKeys,
): Promise<Bytes | null> {
  const plain = gets === "secret" ? secret : joined(new Uint8Array([0]), content.publicKey);
  return sealBox(plain, key);
}
