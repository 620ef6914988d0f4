import { expect, test } from "vitest";
import { ExplanationCode, type Explanation, type HubConnection } from "../protocol/hub-report.ts";
import { sentenceFor } from "./explain-sentence.ts";

const CONNECTION: HubConnection = {
  connectionId: "c",
  sub: "alice",
  transport: "websocket",
  relay: null,
  since: 0,
  expiresAt: 1,
  grants: ["sub:alice", "discord:42", "scope:openid"],
  topics: ["c1"],
  from: 4,
  sent: 9,
  acked: 7,
  lagging: false,
};

const explained = (
  code: ExplanationCode,
  acked: number | null = CONNECTION.acked,
  seq = 9,
): Explanation => ({
  code,
  seq,
  connection: { ...CONNECTION, acked },
  event: { id: "i", event: "voice.left", ts: 0, audience: ["sub:bob"], topic: "c2", trace: null },
});

test.each(ExplanationCode.options)("%s is a whole sentence, with and without facts", (code) => {
  for (const explanation of [
    explained(code),
    explained(code, null),
    { ...explained(code), connection: null, event: null },
  ]) {
    const sentence = sentenceFor(explanation);
    expect(sentence).toMatch(/^[A-Z].{20,}\.$/);
    expect(sentence).not.toMatch(/undefined|null|NaN/);
  }
});

test("delivered says how much the client has acknowledged", () => {
  expect(sentenceFor(explained("delivered", 9))).toContain("has acknowledged it");
  expect(sentenceFor(explained("delivered", 7))).toContain("no more than 7");
  expect(sentenceFor(explained("delivered", null))).toContain("acknowledged nothing yet");
});

test("the missing grant or topic is named", () => {
  expect(sentenceFor(explained("not_in_audience"))).toContain(
    "for sub:bob, and this connection holds sub:alice, discord:42 and scope:openid",
  );
  expect(sentenceFor(explained("not_subscribed"))).toContain("about c2");
  expect(sentenceFor(explained("lagging"))).toContain("acknowledged 7, 2 before it");
});
