import { applyD1Migrations, createExecutionContext, env } from "cloudflare:test";
import fc from "fast-check";
import { afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import { z } from "zod";
import { createApp } from "../../app.ts";
import { SyncAccount, type SyncNativeClient } from "../../testing/sync-worker.ts";
import { sync } from "./index.ts";
import { FeedPost } from "./records.ts";

beforeAll(() => applyD1Migrations(env.DB, env.TEST_MIGRATIONS));
afterEach(() => {
  vi.restoreAllMocks();
});

const RUNS = 25;
const PEOPLE = [0, 1, 2] as const;
const only = createApp([sync]);

/**
 * How two accounts may come to stand to each other, by what the first one does: the table of sync.md §3.9. What the
 * second one does is the same with both swapped.
 */
const LEGAL: readonly string[] = [
  "none none > requested pending",
  "none rejected > requested rejected",
  "none requested > friend friend",
  "pending requested > friend friend",
  "pending requested > none none",
  "pending rejected > none rejected",
  "requested pending > rejected pending",
  "requested rejected > rejected rejected",
  "rejected pending > requested pending",
  "rejected none > requested pending",
  "rejected rejected > requested rejected",
  "rejected requested > friend friend",
  "friend friend > pending requested",
];

function isLegal([a, b]: readonly string[], [toA, toB]: readonly string[]): boolean {
  return [`${a} ${b} > ${toA} ${toB}`, `${b} ${a} > ${toB} ${toA}`].some((one) =>
    LEGAL.includes(one),
  );
}

/** What happens to a call: it works, it does not arrive, or its answer is lost although it was done. */
const Fault = fc.constantFrom("none", "none", "none", "request", "answer");
type Fault = typeof Fault extends fc.Arbitrary<infer One> ? One : never;

const Action = fc.record({
  // Mostly the same two, so that they meet in all ways.
  pair: fc.constantFrom([0, 1], [1, 0], [0, 1], [1, 0], [0, 2], [2, 0], [1, 2], [2, 1]),
  // Most are added: removing somebody twice does nothing.
  action: fc.constantFrom("add", "add", "remove"),
});

/** The bindings of the Worker, with calls that come in any order and may fail. */
function faulty(faults: readonly Fault[], turn: () => Promise<unknown>): typeof env {
  let calls = 0;
  const through = async <T>(call: () => Promise<T>): Promise<T> => {
    const fault = faults[calls % faults.length] ?? "none";
    calls += 1;
    await turn();
    if (fault === "request") throw new Error("the call was lost");
    const answer = await call();
    if (fault === "answer") throw new Error("the answer was lost");
    return answer;
  };
  const DB = {
    prepare: (query: string) => env.DB.prepare(query),
    batch: (statements: D1PreparedStatement[]) => through(() => env.DB.batch(statements)),
  };
  const USER_HUB = {
    getByName: (name: string) => ({
      command: (...asked: [string, unknown]) =>
        through(async () => env.USER_HUB.getByName(name).command(...asked)),
    }),
  };
  return { ...env, DB, USER_HUB } as unknown as typeof env;
}

type Person = {
  readonly account: SyncAccount;
  readonly id: string;
  readonly socket: SyncNativeClient;
};

async function person(): Promise<Person> {
  const account = await SyncAccount.create();
  const socket = await account.connect();
  const { userId: id } = z.looseObject({ userId: z.string() }).parse(socket.of("connected")[0]);
  return { account, id, socket };
}

/** How one account stands to another one, in D1. */
async function standing(from: Person, to: Person): Promise<string> {
  const row = env.DB.prepare(
    "SELECT status FROM UserRelationship WHERE fromUserId = ? AND toUserId = ?",
  );
  return (await row.bind(from.id, to.id).first<string>("status")) ?? "none";
}

const Heard = z.looseObject({
  t: z.string(),
  id: z.string().optional(),
  uid: z.string().optional(),
});
const Feed = z.object({ items: z.array(FeedPost.omit({ counter: true })) });

/** What an account's hub has told of another account: how it came to stand to it, step by step. */
const stepsIn = (of: Person, about: Person): string[] =>
  of.socket.updates.flatMap(({ body }) =>
    body.t === "relationship-updated" && body["uid"] === about.id
      ? [z.string().parse(body["status"])]
      : [],
  );

async function expectAgreement(a: Person, b: Person): Promise<void> {
  const [seenByA, seenByB] = [stepsIn(a, b), stepsIn(b, a)];
  // Each hub was told of each change once, of all of them, and in the same order.
  expect(seenByA).toHaveLength(seenByB.length);
  let before = ["none", "none"];
  for (const [at, step] of seenByA.entries()) {
    const after = [step, seenByB[at] ?? ""];
    expect(isLegal(before, after), `${before.join(" ")} > ${after.join(" ")}`).toBe(true);
    before = after;
  }
  expect([await standing(a, b), await standing(b, a)]).toEqual(before);
}

async function expectFeed(of: Person, others: readonly Person[]): Promise<void> {
  const { items } = await of.account.get(Feed, "GET", "/v1/feed?limit=200");
  const posted = of.socket.updates.map(({ body }) => Heard.parse(body));
  // Nothing is told twice within a day, so each post is still there.
  expect(items.map(({ id }) => id).toReversed()).toEqual(
    posted.flatMap(({ t, id }) => (t === "new-feed-post" ? [id] : [])),
  );
  const isTold = (kind: string, { id }: Person): boolean =>
    items.some(({ body }) => body.kind === kind && body.uid === id);
  for (const other of others) {
    const steps = stepsIn(of, other);
    expect(isTold("friend_accepted", other)).toBe(steps.includes("friend"));
    // Whoever stays rejected is not told of requests, so there may be none for `friend`.
    if (steps[0] === "pending") expect(isTold("friend_request", other)).toBe(true);
  }
}

describe("three accounts that add and remove each other (sync.md §0b.3)", () => {
  it("are told of every change once, wherever a request dies, and D1 and their hubs agree", async () => {
    vi.spyOn(console, "error").mockImplementation(() => {});
    vi.spyOn(console, "info").mockImplementation(() => {});
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.array(Action, { minLength: 1, maxLength: 4 }), { minLength: 1, maxLength: 6 }),
        fc.array(Fault, { minLength: 1, maxLength: 40 }),
        fc.scheduler(),
        async (rounds, faults, scheduler) => {
          const people = await Promise.all(PEOPLE.map(person));
          const bindings = faulty(faults, () => scheduler.schedule(Promise.resolve()));
          const act = async ({ pair, action }: (typeof rounds)[number][number]) => {
            const [from, other] = pair.map((index) => people[index]);
            const request = new Request(`https://hub.test/v1/friends/${action}`, {
              method: "POST",
              headers: { Authorization: `Bearer ${from?.account.token}` },
              body: JSON.stringify({ uid: other?.id }),
            });
            await only.fetch(request, bindings, createExecutionContext());
          };
          for (const round of rounds) await scheduler.waitFor(Promise.all(round.map(act)));
          await sync.hourly?.(env);
          for (const { socket } of people) await socket.caughtUp();
          for (const [at, one] of people.entries()) {
            const seqs = one.socket.updates.map(({ seq }) => seq);
            expect(seqs).toEqual(seqs.map((_, index) => index + 1));
            for (const other of people.slice(at + 1)) await expectAgreement(one, other);
            await expectFeed(one, people.toSpliced(at, 1));
            one.socket.close();
          }
          expect(await env.DB.prepare("SELECT COUNT(*) AS n FROM SyncOutbox").first("n")).toBe(0);
        },
      ),
      { numRuns: RUNS },
    );
  });
});
