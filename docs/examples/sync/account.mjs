// An account of sync by REST: signs in, opens a session, reads its messages. Node 22 or newer, no packages.
import {
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  randomBytes,
  sign,
} from "node:crypto";
import { existsSync, readFileSync, writeFileSync } from "node:fs";

/** The server, without a slash at the end. */
export const SERVER = process.env.SYNC_URL ?? "http://127.0.0.1:8787";
/** The account is this key: whoever has the file can sign in, and nobody can without it. */
const KEY_FILE = process.env.SYNC_KEY ?? "account.pem";

function accountKey() {
  if (!existsSync(KEY_FILE)) {
    const { privateKey } = generateKeyPairSync("ed25519");
    writeFileSync(KEY_FILE, privateKey.export({ type: "pkcs8", format: "pem" }), { mode: 0o600 });
  }
  return createPrivateKey(readFileSync(KEY_FILE));
}

/** Signs a challenge of its own. The first time this creates the account. Returns the account's token. */
export async function signIn() {
  const key = accountKey();
  const challenge = randomBytes(32);
  // The last 32 bytes of this form are the public key itself.
  const publicKey = createPublicKey(key).export({ type: "spki", format: "der" }).subarray(-32);
  const { token } = await ask(null, "POST", "/v1/auth", {
    publicKey: publicKey.toString("base64"),
    challenge: challenge.toString("base64"),
    signature: sign(null, challenge, key).toString("base64"),
  });
  return token;
}

/** Sends a request, and returns the body of its answer. */
export async function ask(token, method, path, body) {
  const answer = await fetch(SERVER + path, {
    method,
    headers: token === null ? {} : { Authorization: `Bearer ${token}` },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${await answer.text()}`);
  return answer.json();
}

/** Creates the session with this tag, or finds it. Metadata and messages are yours to encrypt: we only encode. */
export async function openSession(token, tag) {
  const metadata = Buffer.from(JSON.stringify({ tag })).toString("base64");
  const { session } = await ask(token, "POST", "/v1/sessions", { tag, metadata });
  return session;
}

/** Reads each message of a session once and in order, however often the connection is lost. */
export class Messages {
  #token;
  #sid;
  #show;
  /** Number of the last message that was read. Keep it on disk, and a restart goes on here. */
  #last = 0;

  constructor(token, sid, show) {
    this.#token = token;
    this.#sid = sid;
    this.#show = show;
  }

  /** Reads everything that came since: after each connection, and when a number was left out. */
  async catchUp() {
    for (let hasMore = true; hasMore;) {
      const path = `/v3/sessions/${this.#sid}/messages?after_seq=${this.#last}`;
      const page = await ask(this.#token, "GET", path);
      for (const message of page.messages) this.#take(message);
      hasMore = page.hasMore;
    }
  }

  /** Takes an update that was told over a socket. */
  async told({ body }) {
    if (body.t !== "new-message" || body.sid !== this.#sid) return;
    if (body.message.seq > this.#last + 1) await this.catchUp();
    else this.#take(body.message);
  }

  #take({ seq, content }) {
    if (seq <= this.#last) return;
    this.#last = seq;
    this.#show(seq, Buffer.from(content.c, "base64").toString());
  }
}
