import { constants, deflateSync } from "node:zlib";
import { expect, test } from "vitest";
import { INFLATED_MAX_BYTES, Inflater } from "./inflater.ts";

/** The first payload of a stream, complete by its suffix. */
function compressed(text: string | Buffer): Buffer {
  return deflateSync(text, { finishFlush: constants.Z_SYNC_FLUSH });
}

function create(): { inflater: Inflater; payloads: string[]; broken: string[] } {
  const payloads: string[] = [];
  const broken: string[] = [];
  const inflater = new Inflater(
    (text) => payloads.push(text),
    (reason) => broken.push(reason),
  );
  return { inflater, payloads, broken };
}

test("a payload may arrive in several messages; after drained() it was passed on", async () => {
  const { inflater, payloads } = create();
  const bytes = compressed('{"op":11,"text":"ünï"}');
  inflater.push(bytes.subarray(0, 5));
  await inflater.drained();
  expect(payloads).toEqual([]);
  inflater.push(bytes.subarray(5));
  await inflater.drained();
  expect(payloads).toEqual(['{"op":11,"text":"ünï"}']);
  inflater.close();
});

test("a payload one byte over the limit breaks the stream", async () => {
  const { inflater, payloads, broken } = create();
  inflater.push(compressed(Buffer.alloc(INFLATED_MAX_BYTES + 1)));
  await inflater.drained();
  expect(broken).toEqual(["a payload is too large"]);
  expect(payloads).toEqual([]);
});

test("after close nothing is passed on, and nothing waits", async () => {
  const { inflater, payloads } = create();
  inflater.push(compressed("{}"));
  inflater.close();
  await inflater.drained();
  expect(payloads).toEqual([]);
});
