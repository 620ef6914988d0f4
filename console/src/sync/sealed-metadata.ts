import type { AccountKeys } from "./account-keys.ts";
import { type Bytes, bytesOfBase64 } from "./base64.ts";
import { KEY_BYTES, openBox, openSecretbox } from "./boxes.ts";

/** Metadata as the server has it. */
export type Sealed = {
  /** Base64. */
  readonly metadata: string;
  /** Base64. The key of the metadata, encrypted for the account; null: it is the account's secret. */
  readonly dataEncryptionKey: string | null;
};

/** What stands before a key, and before a text that it encrypts. */
const VERSION = 0;
const GCM_NONCE_BYTES = 12;

const decoder = new TextDecoder("utf-8", { fatal: true });

/**
 * Decrypts metadata: of older clients with the account's secret, of newer ones with a key of its own (sync.md §2.5).
 * @returns the parsed JSON; undefined: these keys do not open it, or it is damaged
 */
export async function openMetadata(keys: AccountKeys, sealed: Sealed): Promise<unknown> {
  const bytes = bytesOfBase64(sealed.metadata);
  if (bytes === null) return undefined;
  const plain =
    sealed.dataEncryptionKey === null
      ? openSecretbox(bytes, keys.secret)
      : await openWithDataKey(bytes, await dataKeyIn(keys, sealed.dataEncryptionKey));
  if (plain === null) return undefined;
  try {
    return JSON.parse(decoder.decode(plain)) as unknown;
  } catch {
    return undefined;
  }
}

async function dataKeyIn({ content }: AccountKeys, sealed: string): Promise<Bytes | null> {
  const bytes = bytesOfBase64(sealed);
  if (bytes?.[0] !== VERSION) return null;
  const key = await openBox(bytes.slice(1), content);
  return key?.length === KEY_BYTES ? key : null;
}

async function openWithDataKey(sealed: Bytes, key: Bytes | null): Promise<Bytes | null> {
  if (key === null || sealed[0] !== VERSION) return null;
  const iv = sealed.slice(1, 1 + GCM_NONCE_BYTES);
  try {
    const imported = await crypto.subtle.importKey("raw", key, "AES-GCM", false, ["decrypt"]);
    const rest = sealed.slice(1 + GCM_NONCE_BYTES);
    return new Uint8Array(await crypto.subtle.decrypt({ name: "AES-GCM", iv }, imported, rest));
  } catch {
    return null;
  }
}
