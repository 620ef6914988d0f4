import { generateKeyPairSync, randomBytes, sign, type KeyObject } from "node:crypto";
import { z } from "zod";
import {
  dataKeyCipher,
  legacyCipher,
  newKeyPair,
  openDataKey,
  sealFor,
  type Cipher,
} from "./encryption.ts";
import { readMessage, readStoredMessage, type MessageContent } from "./wire.ts";

/** How a client encrypts: all with the account's secret, or each session with a key of its own. */
export type Variant = "legacy" | "dataKey";

const Session = z.object({
  id: z.string(),
  seq: z.number(),
  active: z.boolean(),
  activeAt: z.number(),
  createdAt: z.number(),
  updatedAt: z.number(),
  metadata: z.string(),
  metadataVersion: z.number(),
  agentState: z.string().nullable(),
  agentStateVersion: z.number(),
  dataEncryptionKey: z.string().nullable(),
  lastMessage: z.null(),
});
export type Session = z.infer<typeof Session>;

const Machine = z.object({
  id: z.string(),
  active: z.boolean(),
  metadata: z.string(),
  metadataVersion: z.number(),
  daemonState: z.string().nullable(),
  daemonStateVersion: z.number(),
  dataEncryptionKey: z.string().nullable(),
});
export type Machine = z.infer<typeof Machine>;

const PairingStatus = z.object({
  status: z.enum(["not_found", "pending", "authorized"]),
  supportsV2: z.boolean(),
});

/** A message that a phone could read. */
export type ReadMessage = {
  readonly seq: number;
  readonly localId: string | null;
  readonly content: MessageContent;
};

/** A message that is to be sent. */
export type NewMessage = { readonly localId: string; readonly content: unknown };

/** What is answered to a request. */
export type Answer = { readonly status: number; readonly body: unknown };

/** What somebody types into a phone, as its app sends it. */
export function typed(text: string): unknown {
  return { role: "user", content: { type: "text", text }, meta: { sentFrom: "phone" } };
}

/** The phone of a person: the account, what only its owner can decrypt, and what its app asks by HTTP. */
export class Phone {
  readonly url: string;
  readonly token: string;
  readonly #key: KeyObject;
  readonly #secret = randomBytes(32);
  readonly #content = newKeyPair();

  private constructor(url: string, token: string, key: KeyObject) {
    this.url = url;
    this.token = token;
    this.#key = key;
  }

  /** Makes a new account at a server. */
  static async signUp(url: string): Promise<Phone> {
    const { privateKey } = generateKeyPairSync("ed25519");
    return new Phone(url, await signIn(url, privateKey), privateKey);
  }

  /** Signs in again. @returns another token of the same account */
  signIn(): Promise<string> {
    return signIn(this.url, this.#key);
  }

  /** Asks the server something. @param token whose request it is; null: nobody's */
  ask(
    method: string,
    path: string,
    body?: unknown,
    token: string | null = this.token,
  ): Promise<Answer> {
    return ask(this.url, method, path, body, token);
  }

  /** How far a pairing is, by the link that a terminal shows. */
  async pairingStatus(link: string): Promise<z.infer<typeof PairingStatus>> {
    const query = new URLSearchParams({ publicKey: keyInLink(link).toString("base64") });
    return PairingStatus.parse(await this.#get(`/v1/auth/request/status?${query}`));
  }

  /** Lets the terminal that shows a link into the account. */
  async approve(link: string, variant: Variant): Promise<void> {
    const publicKey = keyInLink(link);
    const plain =
      variant === "legacy"
        ? this.#secret
        : Buffer.concat([Uint8Array.of(0), this.#content.publicKey]);
    const response = sealFor(publicKey, plain);
    const body = { publicKey: publicKey.toString("base64"), response };
    const answer = await this.ask("POST", "/v1/auth/response", body);
    z.object({ success: z.literal(true) }).parse(answer.body);
  }

  /** The file `access.key` that a terminal has after its pairing. */
  accessKey(variant: Variant, token = this.token): unknown {
    if (variant === "legacy") return { secret: this.#secret.toString("base64"), token };
    const publicKey = Buffer.from(this.#content.publicKey).toString("base64");
    return { encryption: { publicKey, machineKey: randomBytes(32).toString("base64") }, token };
  }

  /** What reads and writes the texts of a session or machine. */
  cipherOf(row: { readonly dataEncryptionKey: string | null }): Cipher {
    const { dataEncryptionKey: key } = row;
    if (key === null) return legacyCipher(this.#secret);
    return dataKeyCipher(openDataKey(key, this.#content.secretKey));
  }

  /** The sessions of the account. */
  async sessions(): Promise<readonly Session[]> {
    const body = await this.#get("/v1/sessions");
    return z.object({ sessions: z.array(Session) }).parse(body).sessions;
  }

  /** One session. @throws when the account has none with this id */
  async session(id: string): Promise<Session> {
    return z.object({ session: Session }).parse(await this.#get(`/v1/sessions/${id}`)).session;
  }

  /** One machine. @throws when the account has none with this id */
  async machine(id: string): Promise<Machine> {
    return z.object({ machine: Machine }).parse(await this.#get(`/v1/machines/${id}`)).machine;
  }

  /** All messages of a session, in their order. */
  async messages(session: Session): Promise<readonly ReadMessage[]> {
    const Page = z.object({ messages: z.array(z.unknown()), hasMore: z.boolean() });
    const cipher = this.cipherOf(session);
    const read: ReadMessage[] = [];
    for (;;) {
      const query = new URLSearchParams({ after_seq: String(read.at(-1)?.seq ?? 0), limit: "50" });
      const body = await this.#get(`/v3/sessions/${session.id}/messages?${query}`);
      const page = Page.parse(body);
      for (const one of page.messages) {
        const { seq, localId = null, content } = readStoredMessage(one);
        read.push({ seq, localId, content: readMessage(cipher.open(content.c)) });
      }
      if (!page.hasMore) return read;
    }
  }

  /** Sends messages by HTTP. */
  async send(session: Session, messages: readonly NewMessage[]): Promise<Answer> {
    const cipher = this.cipherOf(session);
    return this.ask("POST", `/v3/sessions/${session.id}/messages`, {
      messages: messages.map(({ localId, content }) => ({
        localId,
        content: cipher.seal(content),
      })),
    });
  }

  async #get(path: string): Promise<unknown> {
    const { status, body } = await this.ask("GET", path);
    if (status !== 200) throw new Error(`GET ${path}: ${status} ${JSON.stringify(body)}`);
    return body;
  }
}

async function signIn(url: string, key: KeyObject): Promise<string> {
  const challenge = randomBytes(32);
  const { x } = z.object({ x: z.string() }).parse(key.export({ format: "jwk" }));
  const { body } = await ask(url, "POST", "/v1/auth", {
    publicKey: Buffer.from(x, "base64url").toString("base64"),
    challenge: challenge.toString("base64"),
    signature: sign(null, challenge, key).toString("base64"),
  });
  return z.object({ success: z.literal(true), token: z.string() }).parse(body).token;
}

async function ask(
  url: string,
  method: string,
  path: string,
  body?: unknown,
  token: string | null = null,
): Promise<Answer> {
  const response = await fetch(new URL(path, url), {
    method,
    headers: {
      ...(token === null ? {} : { Authorization: `Bearer ${token}` }),
      ...(body === undefined ? {} : { "Content-Type": "application/json" }),
      // A server that is killed leaves connections behind, which the next request would take.
      Connection: "close",
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  return { status: response.status, body: text === "" ? null : JSON.parse(text) };
}

/** The public key in `happy://terminal?<base64url>`. */
function keyInLink(link: string): Buffer {
  return Buffer.from(new URL(link).search.slice(1), "base64url");
}
