import { describe, expect, it } from "vitest";
import {
  SYNC_ARTIFACT_CLAIM_MS,
  SYNC_ARTIFACT_MAX_BYTES,
  SYNC_ARTIFACT_RELEASE_RETRY_MS,
  SYNC_ARTIFACTS_LISTED_MAX,
  SYNC_ARTIFACTS_WAITING_MAX,
} from "../../../protocol/limits.ts";
import { SYNC_DIALECTS, SyncClient } from "../../../testing/sync-client.ts";
import { VirtualAccount } from "../../../testing/virtual-account.ts";
import { ARTIFACT_REFUSALS } from "../artifact-rules.ts";
import { SYNC_COMMANDS } from "../hub-commands.ts";

const NEW = { id: "a1", header: "aGVhZA==", body: "Ym9keQ==", dataEncryptionKey: "a2V5" };
const failed = (why: keyof typeof ARTIFACT_REFUSALS) => ({
  result: "error",
  message: ARTIFACT_REFUSALS[why],
});
const base64Of = (bytes: number): string => Buffer.alloc(bytes).toString("base64");

/** Asks for something that the hub does after its turn. */
async function askLater(from: SyncClient, at: VirtualAccount, event: string, data: unknown) {
  const ack = await from.send(event, data);
  await at.time.pass(1);
  return from.answersTo(ack)[0];
}

const create = (at: VirtualAccount, more: object = {}) =>
  at.run(SYNC_COMMANDS.createArtifact, { ...NEW, ...more });

/** Whose the ids are, as D1 says. */
const claimsIn = ({ d1 }: VirtualAccount) =>
  Object.fromEntries(
    d1.rows("SELECT key, value FROM SimpleCache").map(({ key, value }) => [key, value]),
  );

describe.each(SYNC_DIALECTS)("sync.md §6.9 artifacts on a socket (%s)", (dialect) => {
  it("are created once, read, changed and deleted, and the account's devices hear of it", async () => {
    const at = new VirtualAccount();
    const phone = await SyncClient.connect(at, {}, { dialect });
    const other = await SyncClient.connect(at);
    const about = { clientType: "session-scoped", sessionId: await at.session() };
    const agent = await SyncClient.connect(at, about);
    other.forget();
    const created = await askLater(phone, at, "artifact-create", NEW);
    const versions = { headerVersion: 1, bodyVersion: 1, seq: 0 };
    const times = { createdAt: at.time.now - 1, updatedAt: at.time.now - 1 };
    const artifact = { ...NEW, ...versions, ...times };
    expect(created).toEqual({ result: "success", artifact });
    expect(claimsIn(at)).toEqual({ "artifact:a1": "account-1" });
    const again = { ...NEW, header: "bmV3" };
    expect(await phone.ask("artifact-create", again)).toEqual({ result: "success", artifact });
    const read = { artifactId: "a1" };
    expect(await phone.ask("artifact-read", read)).toEqual({ result: "success", artifact });
    const header = { data: "bmV3", expectedVersion: 1 };
    expect(await phone.ask("artifact-update", { ...read, header })).toEqual({
      result: "success",
      header: { version: 2, data: "bmV3" },
    });
    expect(await phone.ask("artifact-delete", read)).toEqual({ result: "success" });
    for (const event of ["artifact-read", "artifact-delete"]) {
      expect(await phone.ask(event, read)).toEqual(failed("missing"));
    }
    const { id: artifactId, ...rest } = artifact;
    expect(other.updates).toEqual([
      { t: "new-artifact", artifactId, ...rest },
      { t: "update-artifact", artifactId, header: { value: "bmV3", version: 2 } },
      { t: "delete-artifact", artifactId },
    ]);
    expect(agent.updates).toEqual([]);
    await at.time.pass(1);
    expect(claimsIn(at)).toEqual({});
  });

  it("have a mismatch named, which blocks both parts", async () => {
    const at = new VirtualAccount();
    const phone = await SyncClient.connect(at, {}, { dialect });
    await create(at);
    const ask = (parts: object) => phone.ask("artifact-update", { artifactId: "a1", ...parts });
    const late = { data: "bGF0ZQ==", expectedVersion: 7 };
    const right = { data: "cmlnaHQ=", expectedVersion: 1 };
    const header = { currentVersion: 1, currentData: NEW.header };
    const body = { currentVersion: 1, currentData: NEW.body };
    const mismatch = { result: "version-mismatch" };
    expect(await ask({ header: late, body: right })).toEqual({ ...mismatch, header });
    expect(await ask({ header: right, body: late })).toEqual({ ...mismatch, body });
    expect(await ask({ header: late, body: late })).toEqual({ ...mismatch, header, body });
    expect(phone.updates.map(({ t }) => t)).toEqual(["new-artifact"]);
    expect(await ask({ header: right, body: right })).toEqual({
      result: "success",
      header: { version: 2, data: right.data },
      body: { version: 2, data: right.data },
    });
  });

  it.each([
    ["artifact-read", {}, "Invalid parameters"],
    ["artifact-read", undefined, "Invalid parameters"],
    ["artifact-read", { artifactId: "" }, "Invalid parameters"],
    ["artifact-delete", { artifactId: 1 }, "Invalid parameters"],
    ["artifact-update", { header: { data: "YQ==", expectedVersion: 1 } }, "Invalid parameters"],
    ["artifact-update", { artifactId: "a1" }, "No updates provided"],
    ["artifact-update", { artifactId: "a1", header: null }, "No updates provided"],
    ["artifact-update", { artifactId: "a1", header: "YQ==" }, "Invalid header parameters"],
    [
      "artifact-update",
      { artifactId: "a1", header: { data: "a-_b", expectedVersion: 1 } },
      "Invalid header parameters",
    ],
    [
      "artifact-update",
      { artifactId: "a1", body: { data: "YQ==", expectedVersion: -1 } },
      "Invalid body parameters",
    ],
    [
      "artifact-update",
      { artifactId: "a1", body: { data: "", expectedVersion: 1 } },
      "Invalid body parameters",
    ],
    ["artifact-create", { ...NEW, id: "x".repeat(129) }, "Invalid parameters"],
    ["artifact-create", { ...NEW, header: "" }, "Invalid parameters"],
    ["artifact-create", { ...NEW, body: "YQ" }, "Invalid parameters"],
    ["artifact-create", { ...NEW, dataEncryptionKey: "" }, "Invalid parameters"],
    ["artifact-create", { ...NEW, dataEncryptionKey: undefined }, "Invalid parameters"],
  ])("%s of %j is refused", async (event, data, message) => {
    const at = new VirtualAccount();
    await create(at);
    const before = await at.run(SYNC_COMMANDS.artifact, { id: "a1" });
    const phone = await SyncClient.connect(at, {}, { dialect });
    expect(await askLater(phone, at, event, data)).toEqual({ result: "error", message });
    expect(await at.run(SYNC_COMMANDS.artifact, { id: "a1" })).toEqual(before);
    expect(phone.updates).toEqual([]);
  });

  it("are refused with the id of another account, and are free when that one deletes it", async () => {
    const owner = new VirtualAccount();
    const at = new VirtualAccount("account-2", owner);
    await create(owner);
    const phone = await SyncClient.connect(at, {}, { dialect });
    expect(await askLater(phone, at, "artifact-create", NEW)).toEqual(failed("taken"));
    for (const event of ["artifact-read", "artifact-delete"]) {
      expect(await phone.ask(event, { artifactId: "a1" })).toEqual(failed("missing"));
    }
    expect(phone.updates).toEqual([]);
    await owner.run(SYNC_COMMANDS.deleteArtifact, { id: "a1" });
    expect(await askLater(phone, at, "artifact-create", NEW)).toMatchObject({ result: "success" });
    expect(claimsIn(at)).toEqual({ "artifact:a1": "account-2" });
    expect(await create(owner)).toEqual({ refused: "taken" });
  });

  it("are created also when the hub dies before their ids are claimed, and when a client does not wait", async () => {
    const at = new VirtualAccount();
    const phone = await SyncClient.connect(at, {}, { dialect });
    at.d1.fate = () => ({ thereMs: 100 });
    await phone.say("artifact-create", NEW);
    await phone.say("artifact-create", { ...NEW, id: "a2" });
    await at.time.pass(50);
    at.hub.crash();
    await at.time.pass(5_000);
    expect((await at.run(SYNC_COMMANDS.artifacts, {})).rows).toHaveLength(2);
  });

  it("wait for D1 up to a number", async () => {
    const at = new VirtualAccount();
    const phone = await SyncClient.connect(at, {}, { dialect });
    at.d1.fate = () => ({ thereMs: 1_000 });
    const acks: string[] = [];
    for (let i = 0; i <= SYNC_ARTIFACTS_WAITING_MAX; i += 1) {
      acks.push(await phone.send("artifact-create", { ...NEW, id: `a${i}` }));
    }
    const answers = () => acks.map((ack) => phone.answersTo(ack)[0]);
    expect(answers()).toEqual([...acks.slice(1).map(() => undefined), failed("unavailable")]);
    await at.time.pass(1_000 * acks.length);
    const success = expect.objectContaining({ result: "success" });
    expect(answers()).toEqual([...acks.slice(1).map(() => success), failed("unavailable")]);
  });

  it("have a size, also one that grows", async () => {
    const at = new VirtualAccount();
    const phone = await SyncClient.connect(at, {}, { dialect });
    const most = { ...NEW, header: base64Of(1), body: base64Of(SYNC_ARTIFACT_MAX_BYTES - 1) };
    const over = { ...most, header: base64Of(2) };
    expect(await askLater(phone, at, "artifact-create", over)).toEqual(failed("too-large"));
    expect(await askLater(phone, at, "artifact-create", most)).toMatchObject({ result: "success" });
    const header = { data: over.header, expectedVersion: 1 };
    const ask = (parts: object) => phone.ask("artifact-update", { artifactId: "a1", ...parts });
    expect(await ask({ header })).toEqual(failed("too-large"));
    const body = { data: base64Of(SYNC_ARTIFACT_MAX_BYTES - 2), expectedVersion: 1 };
    expect(await ask({ header, body })).toMatchObject({ result: "success" });
    // Both together are more than a window, and time stands for its acknowledgement.
    await at.time.pass(1_000);
    expect(phone.updates.map(({ t }) => t)).toEqual(["new-artifact", "update-artifact"]);
  });
});

describe("sync.md §0b.1 the claim on an artifact's id", () => {
  it("is asked for again when D1 fails, and released if there is no artifact in the end", async () => {
    const at = new VirtualAccount();
    const other = new VirtualAccount("account-2", at);
    at.d1.fate = () => ({ lost: at.d1.requests === 1 ? "request" : "answer" });
    expect(await create(at)).toEqual({ refused: "unavailable" });
    expect(claimsIn(at)).toEqual({ "artifact:a1": "account-1" });
    at.d1.fate = () => ({});
    expect(await create(other)).toEqual({ refused: "taken" });
    await at.time.pass(SYNC_ARTIFACT_CLAIM_MS);
    expect(claimsIn(at)).toEqual({});
    expect(await create(other)).toMatchObject({ artifact: NEW });
  });

  it("is there after a short failure", async () => {
    const at = new VirtualAccount();
    at.d1.fate = () => (at.d1.requests < 3 ? { lost: "request" } : {});
    expect(await create(at)).toMatchObject({ artifact: NEW });
  });

  it("is used by the same account again after its hub has died in between", async () => {
    const at = new VirtualAccount();
    at.d1.fate = () => ({ backMs: 1_000 });
    const dying = create(at).catch((error: unknown) => error);
    await at.time.pass(500);
    expect(claimsIn(at)).toEqual({ "artifact:a1": "account-1" });
    at.hub.crash();
    expect(await dying).toBeInstanceOf(Error);
    expect((await at.run(SYNC_COMMANDS.artifacts, {})).rows).toEqual([]);
    at.d1.fate = () => ({});
    expect(await create(at)).toMatchObject({ artifact: NEW });
    await at.time.pass(2 * SYNC_ARTIFACT_CLAIM_MS);
    expect(claimsIn(at)).toEqual({ "artifact:a1": "account-1" });
  });

  it("is released by a task when D1 fails after a deletion, but not if the artifact is there again", async () => {
    const at = new VirtualAccount();
    for (const isThereAgain of [false, true]) {
      await create(at);
      at.d1.fate = () => ({ lost: "request" });
      expect(await at.run(SYNC_COMMANDS.deleteArtifact, { id: "a1" })).toBe(true);
      expect(claimsIn(at)).toEqual({ "artifact:a1": "account-1" });
      at.d1.fate = () => ({});
      if (isThereAgain) await create(at);
      await at.time.pass(SYNC_ARTIFACT_RELEASE_RETRY_MS);
      expect(claimsIn(at)).toEqual(isThereAgain ? { "artifact:a1": "account-1" } : {});
    }
  });

  it("costs one request to D1 for each create and deletion, and nothing for what is there", async () => {
    const at = new VirtualAccount();
    await create(at);
    await create(at);
    expect(at.d1.requests).toBe(1);
    await at.run(SYNC_COMMANDS.deleteArtifact, { id: "a1" });
    await at.time.pass(5 * SYNC_ARTIFACT_CLAIM_MS);
    expect(at.d1.requests).toBe(2);
  });

  it("is needed once by creates of the same id at the same time", async () => {
    const at = new VirtualAccount();
    at.d1.fate = () => ({ thereMs: 10, backMs: 10 });
    const creates = Array.from({ length: 10 }, () => create(at));
    await at.time.pass(100);
    const [first, ...others] = await Promise.all(creates);
    expect(others.every((one) => JSON.stringify(one) === JSON.stringify(first))).toBe(true);
    const told = at.hub.impl.host.store.readAfter(0, 100);
    expect(told.map(({ payload }) => (JSON.parse(payload) as { t: string }).t)).toEqual([
      "new-artifact",
    ]);
  });
});

describe("sync.md §3.5 the list of artifacts", () => {
  it("has the last changed first, and ends at its limit", async () => {
    const at = new VirtualAccount();
    const { sql } = at.hub.storage;
    for (let i = 0; i <= SYNC_ARTIFACTS_LISTED_MAX; i += 1) {
      sql.exec(
        `INSERT INTO sync_artifacts (id, headerVersion, bodyVersion, dataEncryptionKey, seq, createdAt,
           updatedAt, header, body) VALUES (?, 1, 1, 'a2V5', 0, 0, ?, 'YQ==', 'YQ==')`,
        `a${i}`,
        i,
      );
    }
    const change = { id: "a5", header: { value: "Yg==", expected: 1 } };
    await at.run(SYNC_COMMANDS.changeArtifact, change);
    const { rows: list, hasMore } = await at.run(SYNC_COMMANDS.artifacts, {});
    expect(hasMore).toBe(true);
    expect(list).toHaveLength(SYNC_ARTIFACTS_LISTED_MAX);
    const ids = list.map(({ id }) => id);
    expect(ids.slice(0, 3)).toEqual([
      "a5",
      `a${SYNC_ARTIFACTS_LISTED_MAX}`,
      `a${SYNC_ARTIFACTS_LISTED_MAX - 1}`,
    ]);
    expect(ids.at(-1)).toBe("a1");
    expect(list[0]).toEqual({
      id: "a5",
      header: "Yg==",
      headerVersion: 2,
      dataEncryptionKey: "a2V5",
      seq: 1,
      createdAt: 0,
      updatedAt: at.time.now,
    });
  });

  it("is read in its order, without sorting", () => {
    const { sql } = new VirtualAccount().hub.storage;
    const plan = sql
      .exec(
        `EXPLAIN QUERY PLAN SELECT id, header, headerVersion, dataEncryptionKey, seq, createdAt, updatedAt
         FROM sync_artifacts ORDER BY updatedAt DESC, id DESC LIMIT 10`,
      )
      .toArray();
    expect(plan.map(({ detail }) => detail)).toEqual([
      "SCAN sync_artifacts USING INDEX sync_artifacts_by_change",
    ]);
    // SQLite reads a row from its begin, so what comes before the body is read without it.
    const columns = sql.exec("SELECT name FROM pragma_table_info('sync_artifacts')").toArray();
    expect(columns.at(-1)).toEqual({ name: "body" });
  });
});
