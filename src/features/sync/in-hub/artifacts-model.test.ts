import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { SYNC_ARTIFACT_CLAIM_MS } from "../../../protocol/limits.ts";
import { SYNC_DIALECTS, SyncClient } from "../../../testing/sync-client.ts";
import { VirtualAccount } from "../../../testing/virtual-account.ts";
import type { Fate } from "../../../testing/virtual-guild.ts";
import { SYNC_COMMANDS } from "../hub-commands.ts";

const IDS = ["a1", "a2"] as const;
/** Mostly the first account with the first id: what happens at once is what may go wrong. */
const often = <T>(first: T, second: T) =>
  fc.oneof({ weight: 4, arbitrary: fc.constant(first) }, fc.constant(second));
const WAYS = ["REST", ...SYNC_DIALECTS] as const;
/** The longest way of a request to D1, or of its answer, milliseconds. */
const WAY_MS = 500;

const of = { who: often(0, 1), id: often(...IDS), way: fc.constantFrom(...WAYS) };
const step = fc.oneof(
  { weight: 6, arbitrary: fc.record({ do: fc.constant("create" as const), ...of }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant("delete" as const), ...of }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("crash" as const), who: fc.nat(1) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("sleep" as const), who: fc.nat(1) }) },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant("pass" as const),
      ms: fc.constantFrom(1, 10, 30, 100, WAY_MS, 2_000, SYNC_ARTIFACT_CLAIM_MS),
    }),
  },
);
type Step = typeof step extends fc.Arbitrary<infer One> ? One : never;

const ways = fc.constantFrom(0, 0, 20, 150, WAY_MS);
const fate: fc.Arbitrary<Fate> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ thereMs: ways, backMs: ways }) },
  {
    weight: 1,
    arbitrary: fc.record({
      thereMs: ways,
      backMs: ways,
      lost: fc.constantFrom("request" as const, "answer" as const),
    }),
  },
);

const newArtifact = (id: string) => ({
  id,
  header: "aGVhZA==",
  body: "Ym9keQ==",
  dataEncryptionKey: "a2V5",
});

/** Two accounts that want the same ids. */
class Model {
  readonly #first = new VirtualAccount("account-1");
  readonly #accounts = [this.#first, new VirtualAccount("account-2", this.#first)] as const;
  readonly #clients = new Map<string, SyncClient>();

  /** @param fates of the requests to D1, in their order */
  constructor(fates: readonly Fate[]) {
    const { d1 } = this.#first;
    d1.fate = () => fates[d1.requests] ?? {};
  }

  async run(one: Step): Promise<void> {
    switch (one.do) {
      case "create":
      case "delete":
        await this.#begin(one);
        break;
      case "crash":
        this.#at(one.who).hub.crash();
        // What it has sent arrives before anybody asks it again. Later, a claim would stay until its account uses it.
        await this.#first.time.pass(WAY_MS);
        break;
      case "sleep":
        if (!this.#at(one.who).hub.isBusy) await this.#at(one.who).sleep();
        break;
      case "pass":
        await this.#first.time.pass(one.ms);
    }
    this.check();
  }

  /** Nobody has an id that is another one's in D1: so two never have the same. */
  check(): void {
    const claims = this.#claims();
    for (const at of this.#accounts) {
      for (const id of idsIn(at)) expect([id, claims[id]]).toEqual([id, at.caller.account]);
    }
  }

  /** Everything that was begun comes to its end: what is claimed then is what is there. */
  async settle(): Promise<void> {
    const { d1, time } = this.#first;
    d1.fate = () => ({});
    await time.pass(3 * SYNC_ARTIFACT_CLAIM_MS);
    const kept = this.#accounts.flatMap((at) => idsIn(at).map((id) => [id, at.caller.account]));
    expect(this.#claims()).toEqual(Object.fromEntries(kept));
    for (const { hub } of this.#accounts) {
      for (const table of ["sync_artifact_claims", "sync_artifact_requests"]) {
        expect(hub.storage.sql.exec(`SELECT * FROM ${table}`).toArray()).toEqual([]);
      }
    }
    for (const id of IDS) {
      for (const at of this.#accounts) {
        const isAnothers = this.#accounts.some((one) => one !== at && idsIn(one).includes(id));
        const created = await at.run(SYNC_COMMANDS.createArtifact, newArtifact(id));
        expect("artifact" in created).toBe(!isAnothers);
        if (!isAnothers) await at.run(SYNC_COMMANDS.deleteArtifact, { id });
      }
    }
  }

  /** Does not wait for the answer: others may come in between. */
  async #begin({ do: what, who, id, way }: Step & { do: "create" | "delete" }): Promise<void> {
    const at = this.#at(who);
    if (way !== "REST") {
      const client = await this.#client(who, way);
      if (what === "create") await client.send("artifact-create", newArtifact(id));
      else await client.send("artifact-delete", { artifactId: id });
      return;
    }
    const answer =
      what === "create"
        ? at.run(SYNC_COMMANDS.createArtifact, newArtifact(id))
        : at.run(SYNC_COMMANDS.deleteArtifact, { id });
    // Its hub may die.
    void answer.catch(() => {});
  }

  async #client(who: number, dialect: (typeof SYNC_DIALECTS)[number]): Promise<SyncClient> {
    const name = `${who} ${dialect}`;
    const known = this.#clients.get(name);
    if (known?.socket.closedWith === null) return known;
    const client = await SyncClient.connect(this.#at(who), {}, { dialect });
    this.#clients.set(name, client);
    return client;
  }

  #at(who: number): VirtualAccount {
    return who === 0 ? this.#accounts[0] : this.#accounts[1];
  }

  #claims(): Record<string, unknown> {
    const rows = this.#first.d1.rows("SELECT substr(key, 10) AS id, value FROM SimpleCache");
    return Object.fromEntries(rows.map(({ id, value }) => [id, value]));
  }
}

function idsIn({ hub }: VirtualAccount): string[] {
  const rows = hub.storage.sql.exec<{ id: string }>("SELECT id FROM sync_artifacts").toArray();
  return rows.map(({ id }) => id);
}

describe("sync.md §0b.1 ids of artifacts over two accounts", () => {
  it("belong to one of them, whatever is lost, late or dies", async () => {
    const runs = fc.asyncProperty(
      fc.array(step, { maxLength: 40, size: "max" }),
      fc.array(fate, { maxLength: 40, size: "max" }),
      async (steps, fates) => {
        const model = new Model(fates);
        for (const one of steps) await model.run(one);
        await model.settle();
      },
    );
    await fc.assert(runs, { numRuns: 120 });
  });
});

describe("sync.md §3.5 the versions of an artifact", () => {
  const writer = fc.record({
    header: fc.boolean(),
    body: fc.boolean(),
    way: fc.constantFrom(...WAYS),
    rank: fc.nat(),
  });

  it("let each of 50 writers write once, on what it has seen, and both parts or none", async () => {
    const runs = fc.asyncProperty(
      fc.array(writer, { minLength: 50, maxLength: 50 }),
      fc.array(fc.nat(), { minLength: 50, maxLength: 50 }),
      async (writers, order) => {
        const at = new VirtualAccount();
        await at.run(SYNC_COMMANDS.createArtifact, newArtifact("a1"));
        const clients = {
          native: await SyncClient.connect(at),
          "Socket.IO": await SyncClient.connect(at, {}, { dialect: "Socket.IO" }),
        };
        /** What is there, part by part. */
        const now = {
          header: { value: "aGVhZA==", version: 1 },
          body: { value: "Ym9keQ==", version: 1 },
        };
        let waiting = writers
          .filter(({ header, body }) => header || body)
          .map((one, index) => ({
            way: one.way,
            parts: (["header", "body"] as const).filter((part) => one[part]),
            value: Buffer.from(`w${index}`).toString("base64"),
            seen: { header: 1, body: 1 },
          }));
        const seq = waiting.length;
        while (waiting.length > 0) {
          const begun = waiting.toSorted(
            (a, b) => (order[a.seen.header % 50] ?? 0) - (order[b.seen.body % 50] ?? 0),
          );
          waiting = [];
          for (const one of begun) {
            const { way, parts, value, seen } = one;
            const late = parts.filter((part) => seen[part] !== now[part].version);
            const result = late.length > 0 ? "version-mismatch" : "success";
            if (result === "success") {
              for (const part of parts) now[part] = { value, version: seen[part] + 1 };
            } else waiting.push(one);
            const named = (result === "success" ? parts : late).map(
              (part) => [part, now[part]] as const,
            );
            if (way === "REST") {
              const changes = parts.map((part) => [part, { value, expected: seen[part] }]);
              const input = { id: "a1", ...Object.fromEntries(changes) };
              const came = await at.run(SYNC_COMMANDS.changeArtifact, input);
              expect(came).toEqual({ result, ...Object.fromEntries(named) });
            } else {
              const changes = parts.map((part) => [
                part,
                { data: value, expectedVersion: seen[part] },
              ]);
              const input = { artifactId: "a1", ...Object.fromEntries(changes) };
              const told = named.map(([part, { value: data, version }]) => [
                part,
                result === "success"
                  ? { version, data }
                  : { currentVersion: version, currentData: data },
              ]);
              const came = await clients[way].ask("artifact-update", input);
              expect(came).toEqual({ result, ...Object.fromEntries(told) });
            }
            for (const part of late) seen[part] = now[part].version;
          }
        }
        expect(await at.run(SYNC_COMMANDS.artifact, { id: "a1" })).toMatchObject({
          header: now.header.value,
          headerVersion: now.header.version,
          body: now.body.value,
          bodyVersion: now.body.version,
          seq,
        });
        expect(clients.native.updates).toHaveLength(seq);
      },
    );
    await fc.assert(runs, { numRuns: 5 });
  });
});
