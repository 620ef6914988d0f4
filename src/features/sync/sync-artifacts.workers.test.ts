import { applyD1Migrations, env } from "cloudflare:test";
import { beforeAll, describe, expect, it } from "vitest";
import { z } from "zod";
import { SYNC_ARTIFACT_MAX_BYTES, SYNC_DATA_KEY_MAX_LENGTH } from "../../protocol/limits.ts";
import { SOON } from "../../testing/soon.ts";
import { HAPPY, idsOf, kindsOf, refused, success } from "../../testing/sync-records.ts";
import { SyncAccount } from "../../testing/sync-worker.ts";
import { ARTIFACT_REFUSALS } from "./artifact-rules.ts";
import { Artifact, ArtifactHeader } from "./records.ts";

beforeAll(() => applyD1Migrations(env.DB, env.TEST_MIGRATIONS));

const OneArtifact = z.strictObject({ artifact: z.strictObject(Artifact.shape) });
const Artifacts = z.strictObject({
  artifacts: z.array(z.strictObject(ArtifactHeader.shape)),
  hasMore: z.boolean(),
});
const missing = [404, { error: ARTIFACT_REFUSALS.missing }];
const taken = [409, { error: ARTIFACT_REFUSALS.taken }];

let ids = 0;

function wanted(more: object = {}) {
  ids += 1;
  const id = `artifact-${ids}`;
  return { id, header: "aGVhZA==", body: "Ym9keQ==", dataEncryptionKey: "a2V5", ...more };
}

async function newArtifact(account: SyncAccount, more: object = {}): Promise<Artifact> {
  return (await account.get(OneArtifact, "POST", "/v1/artifacts", wanted(more))).artifact;
}

const base64Of = (bytes: number): string =>
  `${"AAAA".repeat(bytes / 3)}${["", "AA==", "AAA="][bytes % 3]}`;

describe("artifacts (sync.md §3.5)", () => {
  it("are created once, told to the account's devices, and read whole", async () => {
    const account = await SyncAccount.create();
    const at = await account.connect();
    const body = wanted();
    const { artifact } = await account.get(OneArtifact, "POST", "/v1/artifacts", body);
    expect(artifact).toEqual({
      ...body,
      headerVersion: 1,
      bodyVersion: 1,
      seq: 0,
      createdAt: artifact.createdAt,
      updatedAt: artifact.createdAt,
    });
    const other = { ...body, header: "b3RoZXI=" };
    const again = await Promise.all([1, 2].map(() => account.ask("POST", "/v1/artifacts", other)));
    expect(again).toEqual([
      [200, { artifact }],
      [200, { artifact }],
    ]);
    const path = `/v1/artifacts/${body.id}`;
    expect(await account.get(OneArtifact, "GET", path)).toEqual({ artifact });
    const { id: artifactId, ...rest } = artifact;
    const told = (await at.caughtUp()).updates.map((one) => one.body);
    expect(told).toEqual([{ t: "new-artifact", artifactId, ...rest }]);
    at.close();
  });

  it("are bare for current clients", async () => {
    const account = await SyncAccount.create();
    const artifact = await newArtifact(account);
    const { body: _, bodyVersion: __, ...header } = artifact;
    const path = `/v1/artifacts/${artifact.id}`;
    expect(await account.ask("GET", path, undefined, HAPPY)).toEqual([200, artifact]);
    expect(await account.ask("POST", "/v1/artifacts", artifact, HAPPY)).toEqual([200, artifact]);
    expect(await account.ask("GET", "/v1/artifacts", undefined, HAPPY)).toEqual([200, [header]]);
    expect(await account.get(Artifacts, "GET", "/v1/artifacts")).toEqual({
      artifacts: [header],
      hasMore: false,
    });
  });

  it("are changed part by part, and one with another version blocks both", async () => {
    const account = await SyncAccount.create();
    const [first, second] = [await newArtifact(account), await newArtifact(account)];
    const at = await account.connectSocketIo();
    const ask = (changes: object) => account.ask("POST", `/v1/artifacts/${first.id}`, changes);
    const header = { header: "bmV3", expectedHeaderVersion: 1 };
    const body = { body: "bmV3", expectedBodyVersion: 1 };
    expect(await ask(header)).toEqual([200, { success: true, headerVersion: 2 }]);
    // The version of another artifact's header, and of this one's body.
    const mismatch = { success: false, error: "version-mismatch" };
    const late = { currentHeaderVersion: 2, currentHeader: "bmV3" };
    expect(await ask({ ...header, ...body })).toEqual([200, { ...mismatch, ...late }]);
    const both = { ...header, expectedHeaderVersion: 2, ...body };
    const done = { success: true, headerVersion: 3, bodyVersion: 2 };
    expect(await ask(both)).toEqual([200, done]);
    const lateBody = { currentBodyVersion: 2, currentBody: "bmV3" };
    const known = { currentHeaderVersion: 3, currentHeader: "bmV3" };
    expect(await ask(both)).toEqual([200, { ...mismatch, ...known, ...lateBody }]);
    expect(
      await ask({ header: "bGF0ZQ==", body: "bGF0ZQ==", expectedHeaderVersion: null }),
    ).toEqual(success);
    const { artifacts } = await account.get(Artifacts, "GET", "/v1/artifacts");
    expect(idsOf(artifacts)).toEqual([first.id, second.id]);
    expect(artifacts[0]).toMatchObject({ header: "bmV3", headerVersion: 3, seq: 2 });
    const told = (await at.caughtUp()).updates.map((one) => one.body);
    const head = { t: "update-artifact", artifactId: first.id };
    expect(told).toEqual([
      { ...head, header: { value: "bmV3", version: 2 } },
      { ...head, header: { value: "bmV3", version: 3 }, body: { value: "bmV3", version: 2 } },
    ]);
    at.close();
  });

  it("let one of 50 writers at the same time win", async () => {
    const account = await SyncAccount.create();
    const { id } = await newArtifact(account);
    const body = { header: "bmV3", expectedHeaderVersion: 1, body: "bmV3", expectedBodyVersion: 1 };
    const answers = await Promise.all(
      Array.from({ length: 50 }, () => account.ask("POST", `/v1/artifacts/${id}`, body)),
    );
    const won = answers.filter(([, said]) => (said as { success: boolean }).success);
    expect(won).toEqual([[200, { success: true, headerVersion: 2, bodyVersion: 2 }]]);
    const { artifact } = await account.get(OneArtifact, "GET", `/v1/artifacts/${id}`);
    expect(artifact).toMatchObject({ headerVersion: 2, bodyVersion: 2, seq: 1 });
  });

  it("are deleted, with their ids free for everybody", async () => {
    const [owner, other] = [await SyncAccount.create(), await SyncAccount.create()];
    const at = await owner.connect();
    const artifact = await newArtifact(owner);
    const path = `/v1/artifacts/${artifact.id}`;
    expect(await owner.ask("DELETE", path)).toEqual(success);
    for (const method of ["GET", "DELETE"]) expect(await owner.ask(method, path)).toEqual(missing);
    const late = { header: "bmV3", expectedHeaderVersion: 1 };
    expect(await owner.ask("POST", path, late)).toEqual(missing);
    expect(await other.ask("POST", "/v1/artifacts", artifact)).toMatchObject([200, {}]);
    expect(await owner.ask("POST", "/v1/artifacts", artifact)).toEqual(taken);
    expect(kindsOf(await at.caughtUp())).toEqual(["new-artifact", "delete-artifact"]);
    at.close();
  });

  it("belong to the account that has created them first, whatever others ask", async () => {
    const [owner, other] = [await SyncAccount.create(), await SyncAccount.create()];
    const artifact = await newArtifact(owner);
    const path = `/v1/artifacts/${artifact.id}`;
    const [native, io] = [await other.connect(), await other.connectSocketIo()];
    for (let i = 0; i < 2; i += 1) {
      expect(await other.ask("POST", "/v1/artifacts", artifact)).toEqual(taken);
    }
    const failed = { result: "error", message: ARTIFACT_REFUSALS.taken };
    expect(await native.ask("artifact-create", artifact)).toEqual(failed);
    expect(await io.ask("artifact-create", artifact)).toEqual(failed);
    const change = { header: "bmV3", expectedHeaderVersion: 1 };
    expect(await other.ask("GET", path)).toEqual(missing);
    expect(await other.ask("POST", path, change)).toEqual(missing);
    expect(await other.ask("DELETE", path)).toEqual(missing);
    expect(await other.get(Artifacts, "GET", "/v1/artifacts")).toEqual({
      artifacts: [],
      hasMore: false,
    });
    expect(await owner.get(OneArtifact, "GET", path)).toEqual({ artifact });
    expect([...native.updates, ...io.updates]).toEqual([]);
    native.close();
    io.close();
  });

  it("of one id have one owner, when many accounts ask at the same time", async () => {
    const accounts = await Promise.all(Array.from({ length: 8 }, () => SyncAccount.create()));
    const body = wanted();
    const answers = await Promise.all(
      accounts.map((account) => account.ask("POST", "/v1/artifacts", body)),
    );
    expect(answers.filter(([status]) => status === 200)).toHaveLength(1);
    expect(answers.filter(([status]) => status === 409)).toHaveLength(7);
  });

  it("are created, changed and read on sockets through the Worker", async () => {
    const account = await SyncAccount.create();
    for (const at of [await account.connect(), await account.connectSocketIo()]) {
      const body = wanted();
      const artifact = { ...body, headerVersion: 1, bodyVersion: 1, seq: 0 };
      const created = await at.ask("artifact-create", body);
      expect(created).toMatchObject({ result: "success", artifact });
      const { id: artifactId } = body;
      expect(await at.ask("artifact-read", { artifactId })).toEqual(created);
      expect(await at.ask("artifact-delete", { artifactId })).toEqual({ result: "success" });
      expect(await account.ask("GET", `/v1/artifacts/${artifactId}`)).toEqual(missing);
      at.close();
    }
  });

  it.each([
    ["id", ""],
    ["id", undefined],
    ["id", "x".repeat(129)],
    ["header", ""],
    ["header", "a-_b"],
    ["header", "YQ"],
    ["header", undefined],
    ["body", ""],
    ["body", null],
    ["body", 1],
    ["dataEncryptionKey", ""],
    ["dataEncryptionKey", undefined],
    ["dataEncryptionKey", null],
    ["dataEncryptionKey", "x".repeat(SYNC_DATA_KEY_MAX_LENGTH + 4)],
  ])("are refused with a %s that is %j", async (name, value) => {
    const account = await SyncAccount.create();
    const body = wanted({ [name]: value });
    expect(await account.ask("POST", "/v1/artifacts", body)).toEqual(refused(400, name));
    expect(await account.get(Artifacts, "GET", "/v1/artifacts")).toEqual({
      artifacts: [],
      hasMore: false,
    });
  });

  it("are not changed by what is malformed", async () => {
    const account = await SyncAccount.create();
    const artifact = await newArtifact(account);
    const path = `/v1/artifacts/${artifact.id}`;
    for (const wrong of [
      { header: "a-_b", expectedHeaderVersion: 1 },
      { header: "", expectedHeaderVersion: 1 },
      { header: "YQ==", expectedHeaderVersion: -1 },
      { body: "YQ==", expectedBodyVersion: 1.5 },
      { body: 1, expectedBodyVersion: 1 },
    ]) {
      expect(await account.ask("POST", path, wrong)).toEqual(refused(400));
    }
    expect(await account.get(OneArtifact, "GET", path)).toEqual({ artifact });
    expect(await account.ask("GET", `/v1/artifacts/${"x".repeat(129)}`)).toEqual(refused(400));
  });

  it("have ids of any characters", async () => {
    const account = await SyncAccount.create();
    for (const id of ["a/b", "é %_?#", "'; --", "artifact:x", "😀"]) {
      await newArtifact(account, { id });
      const path = `/v1/artifacts/${encodeURIComponent(id)}`;
      expect((await account.get(OneArtifact, "GET", path)).artifact.id).toBe(id);
      expect(await account.ask("DELETE", path)).toEqual(success);
    }
  });

  it("have header and body up to a size together", async () => {
    const account = await SyncAccount.create();
    const at = await account.connect();
    const most = { header: base64Of(400_000), body: base64Of(SYNC_ARTIFACT_MAX_BYTES - 400_000) };
    const artifact = await newArtifact(account, most);
    expect(artifact).toMatchObject(most);
    const over = wanted({ ...most, header: base64Of(400_001) });
    expect(await account.ask("POST", "/v1/artifacts", over)).toEqual(refused(413));
    const path = `/v1/artifacts/${artifact.id}`;
    const header = { header: base64Of(400_001), expectedHeaderVersion: 1 };
    expect(await account.ask("POST", path, header)).toEqual(refused(413));
    const body = { body: base64Of(SYNC_ARTIFACT_MAX_BYTES - 400_001), expectedBodyVersion: 1 };
    const both = await account.ask("POST", path, { ...header, ...body });
    expect(both).toEqual([200, { success: true, headerVersion: 2, bodyVersion: 2 }]);
    expect(await account.ask("GET", `/v1/artifacts/${over.id}`)).toEqual(missing);
    // The second one has no space in the window of the first, and follows.
    const kinds = (): unknown => kindsOf(at);
    await expect.poll(kinds, SOON).toEqual(["new-artifact", "update-artifact"]);
    at.close();
  });
});
