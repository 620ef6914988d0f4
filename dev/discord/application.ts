import { createHash, createPrivateKey, createPublicKey, type KeyObject } from "node:crypto";

/** The application's id. It is the bot's user id, like in all newer applications of Discord. */
const LOCAL_APPLICATION_ID = "100000000000000100";

/** RFC 8410 §7: the start of a PKCS #8 Ed25519 private key, before its 32 bytes. */
const PKCS8_BEFORE_SEED = Buffer.from("302e020100300506032b657004220420", "hex");

/** An application's values in Discord's developer portal, and the private key, which Discord never shows. */
export interface LocalApplication {
  readonly id: string;
  /** The public key that verifies interactions: 64 hexadecimal digits. */
  readonly publicKeyHex: string;
  /** The Ed25519 key that signs interactions. */
  readonly privateKey: KeyObject;
  /** OAuth2 client secret. */
  readonly clientSecret: string;
}

/**
 * The application of the local Discord. All of it is derived from the bot token. So the stack can configure the
 * Worker before the local Discord runs.
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
