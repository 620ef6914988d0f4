import { createCipheriv, createDecipheriv, randomBytes } from "node:crypto";
import { loadWithClients } from "./clients.ts";

// What clients encrypt for each other (sync.md §2.5). TweetNaCl is the one that the clients use themselves.

type KeyPair = { readonly publicKey: Uint8Array; readonly secretKey: Uint8Array };

type Nacl = {
  readonly secretbox: {
    (message: Uint8Array, nonce: Uint8Array, key: Uint8Array): Uint8Array;
    open(box: Uint8Array, nonce: Uint8Array, key: Uint8Array): Uint8Array | null;
  };
  readonly box: {
    (message: Uint8Array, nonce: Uint8Array, to: Uint8Array, from: Uint8Array): Uint8Array;
    open(box: Uint8Array, nonce: Uint8Array, from: Uint8Array, to: Uint8Array): Uint8Array | null;
    keyPair(): KeyPair;
  };
};

const NACL_NONCE = 24;
const GCM_NONCE = 12;
const GCM_TAG = 16;
const KEY = 32;

/** Encrypts and decrypts the JSON of one session or machine. */
export type Cipher = {
  /** @returns base64 */
  readonly seal: (value: unknown) => string;
  /** @throws when it was encrypted with another key */
  readonly open: (text: string) => unknown;
};

function nacl(): Nacl {
  return loadWithClients("tweetnacl") as Nacl;
}

/** Makes a new X25519 pair. */
export function newKeyPair(): KeyPair {
  return nacl().box.keyPair();
}

/** The older way: everything of an account with its 32-byte secret. */
export function legacyCipher(secret: Uint8Array): Cipher {
  const { secretbox } = nacl();
  return {
    seal: (value) => {
      const nonce = randomBytes(NACL_NONCE);
      return Buffer.concat([nonce, secretbox(asBytes(value), nonce, secret)]).toString("base64");
    },
    open: (text) => {
      const bytes = fromBase64(text);
      const nonce = bytes.subarray(0, NACL_NONCE);
      const plain = secretbox.open(bytes.subarray(NACL_NONCE), nonce, secret);
      if (plain === null) throw new Error("It was encrypted with another secret");
      return fromBytes(plain);
    },
  };
}

/** The current way: each session and machine with its own 32-byte key. */
export function dataKeyCipher(key: Uint8Array): Cipher {
  return {
    seal: (value) => {
      const nonce = randomBytes(GCM_NONCE);
      const cipher = createCipheriv("aes-256-gcm", key, nonce);
      const body = Buffer.concat([cipher.update(asBytes(value)), cipher.final()]);
      return Buffer.concat([Uint8Array.of(0), nonce, body, cipher.getAuthTag()]).toString("base64");
    },
    open: (text) => {
      const bytes = fromBase64(text);
      if (bytes[0] !== 0) throw new Error(`There is no version ${bytes[0]} of encrypted data`);
      const end = bytes.length - GCM_TAG;
      const nonce = bytes.subarray(1, 1 + GCM_NONCE);
      const decipher = createDecipheriv("aes-256-gcm", key, nonce).setAuthTag(bytes.subarray(end));
      const body = decipher.update(bytes.subarray(1 + GCM_NONCE, end));
      return fromBytes(Buffer.concat([body, decipher.final()]));
    },
  };
}

/**
 * Opens the key of a session or machine with the account's content key.
 * @param text `dataEncryptionKey`, as the server stores it
 */
export function openDataKey(text: string, contentSecretKey: Uint8Array): Uint8Array {
  const bytes = fromBase64(text);
  if (bytes[0] !== 0) throw new Error(`There is no version ${bytes[0]} of encrypted keys`);
  const [sender, rest] = [bytes.subarray(1, 1 + KEY), bytes.subarray(1 + KEY)];
  const nonce = rest.subarray(0, NACL_NONCE);
  const key = nacl().box.open(rest.subarray(NACL_NONCE), nonce, sender, contentSecretKey);
  if (key === null) throw new Error("The key was encrypted for another account");
  return key;
}

/** Encrypts bytes for the owner of a public key. @returns base64 */
export function sealFor(publicKey: Uint8Array, plain: Uint8Array): string {
  const { box } = nacl();
  const sender = box.keyPair();
  const nonce = randomBytes(NACL_NONCE);
  const sealed = box(plain, nonce, publicKey, sender.secretKey);
  return Buffer.concat([sender.publicKey, nonce, sealed]).toString("base64");
}

function fromBase64(text: string): Buffer {
  return Buffer.from(text, "base64");
}

function asBytes(value: unknown): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(value));
}

/** Handlers of a client that return nothing answer with nothing, encrypted. */
function fromBytes(plain: Uint8Array): unknown {
  return plain.length === 0 ? undefined : JSON.parse(new TextDecoder().decode(plain));
}
