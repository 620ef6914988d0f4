import { createHash, createPrivateKey, createPublicKey, type KeyObject } from "node:crypto";

/** The application's id: it is the bot's user id, as in every newer application of the real one. */
const LOCAL_APPLICATION_ID = "100000000000000100";

/** RFC 8410 §7: a PKCS #8 Ed25519 private key, up to its 32 bytes. */
const PKCS8_BEFORE_SEED = Buffer.from("302e020100300506032b657004220420", "hex");

/** What Discord's developer portal shows of an application, and the key that it shows to nobody. */
export interface LocalApplication {
  readonly id: string;
  /** The public key by which interactions are checked: 64 hexadecimal digits. */
  readonly publicKeyHex: string;
  /** The Ed25519 key that signs interactions. */
  readonly privateKey: KeyObject;
  /** OAuth2 client secret. */
  readonly clientSecret: string;
}

/**
 * The application of the local Discord. All of it follows from the bot token, so that the stack can
 * tell the Worker what the local Discord will use without either asking the other.
 */
export function localApplication(botToken: string): LocalApplication {
  const seed = sha256(`guildhub local interactions:${botToken}`);
  const key = Buffer.concat([PKCS8_BEFORE_SEED, seed]);
  const privateKey = createPrivateKey({ key, format: "der", type: "pkcs8" });
  const spki = createPublicKey(privateKey).export({ format: "der", type: "spki" });
  return {
    id: LOCAL_APPLICATION_ID,
    publicKeyHex: spki.subarray(-seed.length).toString("hex"),
    privateKey,
    clientSecret: sha256(`guildhub local client secret:${botToken}`).toString("hex"),
  };
}

function sha256(text: string): Buffer {
  return createHash("sha256").update(text).digest();
}
