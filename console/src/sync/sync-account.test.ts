import { verify, createPublicKey } from "node:crypto";
import { afterEach, beforeEach, describe, expect, it, onTestFinished, vi } from "vitest";
import { SOON } from "../../../src/testing/soon.ts";
import { keysOf, newBoxKeys } from "./account-keys.ts";
import { base64Of, base64UrlOf, type Bytes, bytesOfBase64, joined } from "./base64.ts";
import { sealBox, sealSecretbox } from "./boxes.ts";
import { AccountKeeper } from "./kept-account.ts";
import { openMetadata } from "./sealed-metadata.ts";
import { backupCodeOf } from "./secret-code.ts";
import { SyncAccount } from "./sync-account.ts";
import { SyncApi } from "./sync-api.ts";

const SECRET = Uint8Array.from({ length: 32 }, (_, n) => n + 1);
const OTHER = new Uint8Array(32).fill(9);

/** A browser's storage. */
class FakeStorage {
  readonly kept = new Map<string, string>();
  /** Whether its person forbids it. */
  isForbidden = false;

  getItem(name: string): string | null {
    this.#check();
    return this.kept.get(name) ?? null;
  }

  setItem(name: string, value: string): void {
    this.#check();
    this.kept.set(name, value);
  }

  removeItem(name: string): void {
    this.#check();
    this.kept.delete(name);
  }

  #check(): void {
    if (this.isForbidden) throw new Error("not allowed");
  }
}

type Asked = { readonly method: string; readonly path: string; readonly body: string };

/** The server, and the browser around it. */
class World {
  readonly asked: Asked[] = [];
  readonly tab = new FakeStorage();
  readonly browser = new FakeStorage();
  isDown = false;
  machines: readonly object[] = [];
  #tokens = 0;

  /** The page, opened in the tab. */
  async page(): Promise<SyncAccount> {
    const keeper = new AccountKeeper(() => this);
    const api = new SyncApi((url, init) => this.#answer(url, init));
    const account = new SyncAccount(api, keeper, () => new OpenSocket());
    onTestFinished(() => account.unwatch());
    await account.begin();
    return account;
  }

  async #answer(path: string, { method = "", body }: RequestInit): Promise<Response> {
    this.asked.push({ method, path, body: typeof body === "string" ? body : "" });
    if (this.isDown) throw new TypeError("network");
    const name = `${method} ${path.split("?")[0]}`;
    switch (name) {
      case "POST /v1/auth":
        this.#tokens += 1;
        return Response.json({ success: true, token: `t${this.#tokens}` });
      case "POST /v1/websocket/ticket":
        return Response.json({ ticket: "x" });
      case "GET /v1/machines":
        return Response.json(this.machines);
      case "GET /v1/sessions":
        return Response.json({ sessions: [] });
      case "DELETE /v1/machines/gone":
        return Response.json({ error: "Machine not found" }, { status: 404 });
      default:
        return Response.json({ success: true });
    }
  }
}

/** A WebSocket that is accepted at once. */
class OpenSocket {
  addEventListener(type: string, listener: (event: never) => void): void {
    if (type !== "message") return;
    queueMicrotask(() => listener({ data: '{"event":"connected"}' } as never));
  }
  send(): void {}
  close(): void {}
}

/** The metadata of a machine, as an older client encrypts it. */
function machine(secret: Bytes, host: string) {
  const plain = new Uint8Array(new TextEncoder().encode(JSON.stringify({ host })));
  return {
    id: "m1",
    metadata: base64Of(sealSecretbox(plain, secret)),
    metadataVersion: 1,
    dataEncryptionKey: null,
    active: true,
    activeAt: 1,
  };
}

const ZERO = new Uint8Array(1);
const openedOf = (account: SyncAccount) => account.opened.of("machine", { id: "m1" });

let world: World;
beforeEach(() => {
  world = new World();
});
afterEach(() => {
  vi.restoreAllMocks();
});

describe("an account on the page", () => {
  it("signs in with a signature of its key, and sends no secret", async () => {
    const account = await world.page();
    expect(account.phase.value).toBe("signed-out");
    expect(world.asked).toEqual([]);
    expect(await account.signIn(SECRET, false)).toEqual({ ok: true, value: true });
    expect([account.phase.value, account.keyPlace.value]).toEqual(["signed-in", "page"]);
    const sent = JSON.parse(world.asked[0]?.body ?? "") as Record<
      "publicKey" | "challenge" | "signature",
      string
    >;
    const { publicKey } = await keysOf(SECRET);
    expect(sent.publicKey).toBe(publicKey);
    const x = base64UrlOf(bytesOfBase64(publicKey) ?? new Uint8Array());
    const key = createPublicKey({ key: { kty: "OKP", crv: "Ed25519", x }, format: "jwk" });
    const [challenge, signature] = [sent.challenge, sent.signature];
    expect(
      verify(null, Buffer.from(challenge, "base64"), key, Buffer.from(signature, "base64")),
    ).toBe(true);
    for (const form of [base64Of(SECRET), base64UrlOf(SECRET), backupCodeOf(SECRET)]) {
      expect(JSON.stringify(world.asked)).not.toContain(form);
    }
  });

  it("survives a reload of the tab without its key, which opens the names again", async () => {
    world.machines = [machine(SECRET, "laptop")];
    const before = await world.page();
    await before.signIn(SECRET, false);
    before.watch();
    const open = { kind: "open", metadata: { host: "laptop" } };
    await vi.waitFor(() => expect(openedOf(before)).toEqual(open), SOON);

    const account = await world.page();
    expect([account.phase.value, account.hasKey.value]).toEqual(["signed-in", false]);
    account.watch();
    await vi.waitFor(() => expect(account.live.value.kind).toBe("live"), SOON);
    expect(openedOf(account)).toEqual({ kind: "locked" });
    expect(await account.unlock(OTHER, true)).toBe(false);
    expect([account.hasKey.value, world.browser.kept.size]).toEqual([false, 0]);
    expect(await account.unlock(SECRET, false)).toBe(true);
    await vi.waitFor(() => expect(openedOf(account)).toEqual(open), SOON);
    account.lock();
    expect(openedOf(account)).toEqual({ kind: "locked" });
  });

  it("shows what another key encrypted as unreadable, and what changes as it changes", async () => {
    world.machines = [machine(OTHER, "laptop")];
    const account = await world.page();
    await account.signIn(SECRET, false);
    account.watch();
    await vi.waitFor(() => expect(openedOf(account)).toEqual({ kind: "unreadable" }), SOON);
    account.unwatch();
    world.machines = [machine(SECRET, "renamed")];
    account.watch();
    const open = { kind: "open", metadata: { host: "renamed" } };
    await vi.waitFor(() => expect(openedOf(account)).toEqual(open), SOON);
  });

  it("does not count as lost while nobody looks at it", async () => {
    const account = await world.page();
    await account.signIn(SECRET, false);
    account.watch();
    await vi.waitFor(() => expect(account.live.value.kind).toBe("live"), SOON);
    account.unwatch();
    account.watch();
    expect([account.live.value.kind, account.lostAt.value]).toEqual(["connecting", null]);
    expect(account.state.value.known).toBe(true);
    await vi.waitFor(() => expect(account.live.value.kind).toBe("live"), SOON);
  });

  it("shows nothing that was decrypted with a key that was taken away meanwhile", async () => {
    const keys = await keysOf(SECRET);
    const dataEncryptionKey = base64Of(
      joined(ZERO, (await sealBox(OTHER, keys.content.publicKey)) ?? ZERO),
    );
    // Its key opens, its text does not.
    const item = { ...machine(SECRET, "laptop"), dataEncryptionKey };
    world.machines = [item];
    const account = await world.page();
    await account.signIn(SECRET, false);
    account.lock();
    account.watch();
    await vi.waitFor(() => expect(account.state.value.known).toBe(true), SOON);
    await account.unlock(SECRET, false);
    expect(openedOf(account)).toEqual({ kind: "opening" });
    account.lock();
    expect(await openMetadata(keys, item)).toBeUndefined();
    await new Promise(setImmediate);
    expect(openedOf(account)).toEqual({ kind: "locked" });
  });

  it("is that of the kept key, whoever was signed in in the tab", async () => {
    await (await world.page()).signIn(SECRET, true);
    const { publicKey } = await keysOf(OTHER);
    new AccountKeeper(() => world).keepAccount({ token: "others", publicKey });
    const account = await world.page();
    expect(account.publicKey.value).toBe((await keysOf(SECRET)).publicKey);
    expect(world.asked.map(({ path }) => path)).toEqual(["/v1/auth", "/v1/auth"]);
  });

  it("is found again by a key that the browser keeps, and only then", async () => {
    const first = await world.page();
    await first.signIn(SECRET, true);
    expect(first.keyPlace.value).toBe("browser");
    world.tab.kept.clear();
    const account = await world.page();
    expect([account.phase.value, account.keyPlace.value]).toEqual(["signed-in", "browser"]);
    account.lock();
    world.tab.kept.clear();
    expect((await world.page()).phase.value).toBe("signed-out");
  });

  it("says why when the server is away, and tries again", async () => {
    await (await world.page()).signIn(SECRET, true);
    world.tab.kept.clear();
    world.isDown = true;
    const account = await world.page();
    expect(account.phase.value).toBe("stuck");
    expect(account.why.value).toContain("can't be reached");
    world.isDown = false;
    await account.begin();
    expect([account.phase.value, account.why.value]).toEqual(["signed-in", ""]);
  });

  it("keeps nothing of a sign-in that failed", async () => {
    const account = await world.page();
    world.isDown = true;
    expect((await account.signIn(SECRET, true)).ok).toBe(false);
    expect([account.phase.value, world.browser.kept.size, world.tab.kept.size]).toEqual([
      "signed-out",
      0,
      0,
    ]);
  });

  it("works in memory where the browser may keep nothing, and says so", async () => {
    world.tab.isForbidden = true;
    world.browser.isForbidden = true;
    const account = await world.page();
    expect((await account.signIn(SECRET, true)).ok).toBe(true);
    expect([account.phase.value, account.keyPlace.value]).toEqual(["signed-in", "page"]);
    account.signOut();
    expect(account.phase.value).toBe("signed-out");
  });

  it("leaves nothing behind when it is signed out, here or everywhere", async () => {
    for (const out of ["here", "everywhere"] as const) {
      const account = await world.page();
      await account.signIn(SECRET, true);
      account.watch();
      if (out === "here") account.signOut();
      else await account.signOutEverywhere();
      expect([world.tab.kept.size, world.browser.kept.size]).toEqual([0, 0]);
      expect([account.phase.value, account.hasKey.value, account.publicKey.value]).toEqual([
        "signed-out",
        false,
        null,
      ]);
      expect(account.state.value.known).toBe(false);
    }
    expect(world.asked.filter(({ path }) => path === "/v1/auth/revoke")).toHaveLength(1);
  });

  it("stays when signing out everywhere fails", async () => {
    const account = await world.page();
    await account.signIn(SECRET, false);
    world.isDown = true;
    expect((await account.signOutEverywhere()).ok).toBe(false);
    expect(account.phase.value).toBe("signed-in");
  });

  it("is new where it was made, and knows of the terminals that it let in", async () => {
    const account = await world.page();
    const facts = () => [account.isNew.value, account.hasPaired.value];
    const { publicKey } = await newBoxKeys();
    await account.create(SECRET, false);
    expect(facts()).toEqual([true, false]);
    await account.letIn({ key: publicKey, gets: "content-key" });
    expect(facts()).toEqual([true, true]);
    account.signOut();
    await account.signIn(SECRET, false);
    expect(facts()).toEqual([false, false]);
    world.isDown = true;
    expect((await account.letIn({ key: publicKey, gets: "content-key" })).ok).toBe(false);
    account.signOut();
    expect((await account.create(OTHER, false)).ok).toBe(false);
    expect(facts()).toEqual([false, false]);
  });

  it("loses a machine that is removed or is gone already, and keeps it when that fails", async () => {
    world.machines = ["m1", "a/b?", "gone"].map((id) => ({ ...machine(SECRET, id), id }));
    const account = await world.page();
    await account.signIn(SECRET, false);
    account.watch();
    const ids = () => [...account.state.value.machines.keys()];
    await vi.waitFor(() => expect(ids()).toEqual(["m1", "a/b?", "gone"]), SOON);
    expect(await account.removeMachine("a/b?")).toEqual({ ok: true, value: true });
    expect(world.asked.at(-1)).toMatchObject({
      method: "DELETE",
      path: "/v1/machines/a%2Fb%3F",
    });
    expect(await account.removeMachine("gone")).toEqual({ ok: true, value: true });
    world.isDown = true;
    expect((await account.removeMachine("m1")).ok).toBe(false);
    expect(ids()).toEqual(["m1"]);
  });

  it("lets no terminal in whose key nobody can have", async () => {
    const account = await world.page();
    await account.signIn(SECRET, false);
    const terminal = { key: new Uint8Array(32), gets: "secret" } as const;
    expect(await account.letIn(terminal)).toEqual({ ok: true, value: false });
    expect(world.asked.map(({ path }) => path)).toEqual(["/v1/auth"]);
  });
});

it("a browser without these keys is told so", async () => {
  vi.spyOn(crypto.subtle, "importKey").mockRejectedValue(new Error("NotSupportedError"));
  expect((await world.page()).phase.value).toBe("unsupported");
});
