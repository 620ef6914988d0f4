import {
  createCipheriv,
  createPrivateKey,
  createPublicKey,
  diffieHellman,
  randomBytes,
} from "node:crypto";
import { hsalsa, xsalsa20poly1305 } from "@noble/ciphers/salsa.js";
import { z } from "zod";
import { eventually } from "../dev/testing/eventually.ts";

/** What a terminal gets when it was let in. */
const LetIn = z.object({ state: z.literal("authorized"), token: z.string(), response: z.string() });
const NewSession = z.object({ session: z.object({ id: z.string() }) });

/** A private key of X25519 in PKCS#8 is this and its 32 bytes (RFC 8410 §7). */
const PKCS8 = Buffer.from("302e020100300506032b656e04220420", "hex");

type Credentials = { readonly token: string; readonly plain: Buffer };

/**
 * A terminal with an agent, as Happy's clients are: it asks to be let in, reads the answer, and encrypts what it
 * registers. Its cryptography is Node's, not the page's.
 */
export class SyncTerminal {
  readonly #url: string;
  readonly #supportsV2: boolean;
  readonly #secret = randomBytes(32);
  readonly #socketEnds: (() => void)[] = [];
  #credentials: Credentials | undefined;

  /** @param supportsV2 whether it takes a key for new data alone, as clients of today do */
  constructor(url: string, supportsV2 = true) {
    this.#url = url;
    this.#supportsV2 = supportsV2;
  }

  get #privateKey() {
    const key = Buffer.concat([PKCS8, this.#secret]);
    return createPrivateKey({ key, format: "der", type: "pkcs8" });
  }

  get #publicKey(): Buffer {
    const { x = "" } = createPublicKey(this.#privateKey).export({ format: "jwk" });
    return Buffer.from(x, "base64url");
  }

  /** The link below its picture. */
  get link(): string {
    return `happy://terminal?${this.#publicKey.toString("base64url")}`;
  }

  /** The address that it opens in a browser. */
  get address(): string {
    return `${this.#url}/terminal/connect#key=${this.#publicKey.toString("base64url")}`;
  }

  /** Asks once. @returns the answer of the server */
  async ask(): Promise<unknown> {
    const publicKey = this.#publicKey.toString("base64");
    return this.#post("/v1/auth/request", { publicKey, supportsV2: this.#supportsV2 });
  }

  /** Polls until somebody has let it in. @returns what was in the answer, for this terminal alone to read */
  async letIn(): Promise<Buffer> {
    const { token, response } = await eventually("the terminal is let in", async () =>
      LetIn.parse(await this.ask()),
    );
    const bytes = Buffer.from(response, "base64");
    const plain = this.#open(bytes);
    this.#credentials = { token, plain };
    return plain;
  }

  /** Registers a machine. @param metadata any JSON */
  async machine(id: string, metadata: object): Promise<void> {
    await this.#post("/v1/machines", { id, ...this.#sealed(metadata) });
  }

  /** Begins a session. @returns its id */
  async session(tag: string, metadata: object): Promise<string> {
    const answer = await this.#post("/v1/sessions", { tag, ...this.#sealed(metadata) });
    return NewSession.parse(answer).session.id;
  }

  /** Adds messages to a session. */
  async messages(sessionId: string, count: number): Promise<void> {
    const messages = Array.from({ length: count }, () => ({
      localId: randomBytes(8).toString("hex"),
      content: randomBytes(30).toString("base64"),
    }));
    await this.#post(`/v3/sessions/${sessionId}/messages`, { messages });
  }

  /** Ends a session. */
  async archive(sessionId: string): Promise<void> {
    await this.#post(`/v1/sessions/${sessionId}/archive`, {});
  }

  async deleteSession(sessionId: string): Promise<void> {
    await this.#call("DELETE", `/v1/sessions/${sessionId}`);
  }

  /** Connects for a machine or a session. @returns speaks, and hangs up */
  async connect(
    about: { readonly machineId: string } | { readonly sessionId: string },
  ): Promise<{ readonly say: (event: string, data: object) => void; readonly end: () => void }> {
    const clientType = "machineId" in about ? "machine-scoped" : "session-scoped";
    const query = new URLSearchParams({ token: this.#token, clientType, ...about }).toString();
    const socket = new WebSocket(`${this.#url.replace("http", "ws")}/v1/updates?${query}`);
    await new Promise<void>((resolve, reject) => {
      socket.addEventListener("message", () => resolve(), { once: true });
      socket.addEventListener("close", ({ code }) => reject(new Error(`closed with ${code}`)));
    });
    const end = (): void => socket.close(1000);
    this.#socketEnds.push(end);
    return { say: (event, data) => socket.send(JSON.stringify({ event, data })), end };
  }

  /** Hangs up everywhere. */
  stop(): void {
    for (const end of this.#socketEnds.splice(0)) end();
  }

  /** The status of any request with its token. */
  async statusOf(path: string): Promise<number> {
    const { status } = await this.#fetch("GET", path);
    return status;
  }

  get #token(): string {
    return this.#credentials?.token ?? "";
  }

  /** Encrypts as its client does: with the account's secret, or with a key that is encrypted for the account. */
  #sealed(metadata: object): { metadata: string; dataEncryptionKey: string | null } {
    const plain = Buffer.from(JSON.stringify(metadata));
    const { plain: answer = Buffer.alloc(0) } = this.#credentials ?? {};
    if (!this.#supportsV2) {
      const nonce = randomBytes(24);
      const box = xsalsa20poly1305(answer, nonce).encrypt(plain);
      return { metadata: Buffer.concat([nonce, box]).toString("base64"), dataEncryptionKey: null };
    }
    const key = randomBytes(32);
    const nonce = randomBytes(12);
    const cipher = createCipheriv("aes-256-gcm", key, nonce);
    const sealed = [cipher.update(plain), cipher.final(), cipher.getAuthTag()];
    return {
      metadata: Buffer.concat([Buffer.from([0]), nonce, ...sealed]).toString("base64"),
      dataEncryptionKey: Buffer.concat([
        Buffer.from([0]),
        this.#boxFor(answer.subarray(1), key),
      ]).toString("base64"),
    };
  }

  /** NaCl's box from this terminal's own pair. */
  #boxFor(recipient: Buffer, plain: Buffer): Buffer {
    const nonce = randomBytes(24);
    const box = xsalsa20poly1305(this.#shared(recipient), nonce).encrypt(plain);
    return Buffer.concat([this.#publicKey, nonce, box]);
  }

  #open(sealed: Buffer): Buffer {
    const box = xsalsa20poly1305(this.#shared(sealed.subarray(0, 32)), sealed.subarray(32, 56));
    return Buffer.from(box.decrypt(sealed.subarray(56)));
  }

  #shared(peer: Buffer): Uint8Array {
    const x = peer.toString("base64url");
    const publicKey = createPublicKey({ key: { kty: "OKP", crv: "X25519", x }, format: "jwk" });
    const point = new Uint8Array(diffieHellman({ privateKey: this.#privateKey, publicKey }));
    const key = new Uint32Array(8);
    const sigma = new Uint32Array(new TextEncoder().encode("expand 32-byte k").buffer);
    hsalsa(sigma, new Uint32Array(point.buffer), new Uint32Array(4), key);
    return new Uint8Array(key.buffer);
  }

  async #post(path: string, body: object): Promise<unknown> {
    return this.#call("POST", path, body);
  }

  async #call(method: string, path: string, body?: object): Promise<unknown> {
    const response = await this.#fetch(method, path, body);
    const text = await response.text();
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`);
    return JSON.parse(text) as unknown;
  }

  #fetch(method: string, path: string, body?: object): Promise<Response> {
    return fetch(`${this.#url}${path}`, {
      method,
      headers: {
        "Content-Type": "application/json",
        ...(this.#credentials === undefined ? {} : { Authorization: `Bearer ${this.#token}` }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
  }
}
