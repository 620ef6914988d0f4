import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { readEventStream } from "./event-stream.ts";

/** The messages read from a body that arrives in these pieces. */
async function read(pieces: readonly Uint8Array[]): Promise<[string, string][]> {
  const messages: [string, string][] = [];
  const body = new ReadableStream<Uint8Array<ArrayBuffer>>({
    start(out) {
      for (const piece of pieces) out.enqueue(Uint8Array.from(piece));
      out.close();
    },
  });
  await readEventStream(
    body,
    (event, data) => messages.push([event, data]),
    () => {},
  );
  return messages;
}
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

describe("reading Server-Sent Events", () => {
  it.each<[string, string, [string, string][]]>([
    ["a message", "id: e:1\ndata: one\n\n", [["", "one"]]],
    [
      "a named one",
      "event: close\ndata: x\n\ndata: y\n\n",
      [
        ["close", "x"],
        ["", "y"],
      ],
    ],
    ["several lines", "data: a\ndata:\ndata:  b\n\n", [["", "a\n\n b"]]],
    ["comments and unknown fields", ": keep-alive\n\nretry: 5\nnonsense\ndata:x\n\n", [["", "x"]]],
    [
      "CR and CRLF",
      "data: a\r\n\r\ndata: b\r\rdata: c\r\n\n",
      [
        ["", "a"],
        ["", "b"],
        ["", "c"],
      ],
    ],
    ["a name without data", "event: close\n\ndata: x\n\n", [["", "x"]]],
    ["no message that is cut off", "data: whole\n\ndata: half\n", [["", "whole"]]],
    ["a byte order mark", "\uFEFFdata: x\n\n", [["", "x"]]],
  ])("understands %s", async (_name, text, messages) => {
    expect(await read([bytes(text)])).toEqual(messages);
  });

  it("reads the same wherever the network cuts, even inside a character or a line end", async () => {
    const line = fc.constantFrom("data: é€😀", "data:", "event: x", ": note", "id: 1", "");
    const end = fc.constantFrom("\n", "\r\n", "\r");
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(line, end), { maxLength: 12 }),
        fc.array(fc.nat(20), { maxLength: 40 }),
        async (lines, sizes) => {
          const whole = bytes(lines.flat().join(""));
          const pieces: Uint8Array[] = [];
          let at = 0;
          for (const size of sizes) {
            pieces.push(whole.subarray(at, at + size));
            at += size;
          }
          expect(await read([...pieces, whole.subarray(at)])).toEqual(await read([whole]));
        },
      ),
    );
  });
});
