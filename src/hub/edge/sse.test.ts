import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type ReceivedMessage, SseReader } from "../../testing/sse-reader.ts";
import { SSE_KEEP_ALIVE, sseMessage, type SseMessage } from "./sse.ts";

const encoder = new TextEncoder();

function readAll(chunks: Iterable<Uint8Array>): ReceivedMessage[] {
  const reader = new SseReader();
  return [...chunks].flatMap((chunk) => reader.push(chunk));
}

const read = (text: string): ReceivedMessage[] => readAll([encoder.encode(text)]);

/** Bytes cut at these places, modulo their number. */
function cut(bytes: Uint8Array, places: readonly number[]): Uint8Array[] {
  const at = places.map((place) => place % (bytes.length + 1)).toSorted((a, b) => a - b);
  return [...at, bytes.length].map((end, i) => bytes.subarray(at[i - 1] ?? 0, end));
}

const line = fc.string({ unit: "binary" }).map((text) => text.replaceAll(/[\r\n\0]/g, ""));
/** Text with many difficult parts: line ends, colons, spaces and characters of several bytes. */
const data = fc
  .array(fc.oneof(fc.constantFrom("\n", ":", " ", "data", "é", "🦊", "\u2028", "\uFEFF"), line))
  .map((parts) => parts.join("").replaceAll("\r", ""));
const message: fc.Arbitrary<SseMessage> = fc.record(
  {
    data,
    event: line.filter((text) => text !== ""),
    id: line,
    retry: fc.nat(),
  },
  { requiredKeys: ["data"] },
);

/** The messages that a client must read from those that were sent. */
function received(sent: readonly SseMessage[]): ReceivedMessage[] {
  let last = "";
  return sent.map(({ data: text, event = "message", id = last }) => {
    last = id;
    return { data: text, event, id };
  });
}

describe("an event stream", () => {
  it("is read as it was written, wherever it is cut and with all kinds of line ends", () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(message, fc.boolean())),
        fc.constantFrom("\n", "\r\n", "\r"),
        fc.array(fc.nat()),
        fc.boolean(),
        (sent, lineEnd, places, withMark) => {
          const text = sent
            .map(([one, quiet]) => sseMessage(one) + (quiet ? SSE_KEEP_ALIVE : ""))
            .join("")
            .replaceAll("\n", lineEnd);
          const bytes = encoder.encode(withMark ? `\uFEFF${text}` : text);
          expect(readAll(cut(bytes, places))).toEqual(received(sent.map(([one]) => one)));
        },
      ),
      { numRuns: 2_000 },
    );
  });

  it("is read byte by byte, with characters and line ends cut in two", () => {
    const text = 'id: e:1\r\ndata: {"name":"Füchse 🦊"}\r\n\r\n:\r\n\r\ndata: 2\r\n\r\n';
    const chunks = Array.from(encoder.encode(text), (byte) => Uint8Array.of(byte));
    expect(readAll(chunks)).toEqual([
      { data: '{"name":"Füchse 🦊"}', event: "message", id: "e:1" },
      { data: "2", event: "message", id: "e:1" },
    ]);
  });

  it("returns nothing of a message without its end", () => {
    expect(read("data: whole\n\ndata: half\n")).toEqual([
      { data: "whole", event: "message", id: "" },
    ]);
  });

  it("returns a message at the line end that completes it, also if that may be half of one", () => {
    const reader = new SseReader();
    expect(reader.push(encoder.encode("data: 1\r\n\r"))).toHaveLength(1);
    expect(reader.push(encoder.encode("\ndata: 2\n\n"))).toEqual([
      { data: "2", event: "message", id: "" },
    ]);
  });

  it("reads the fields of the standard and skips others", () => {
    expect(read("foo: 1\ndata\ndata:a\ndata:  b\nid: x\0y\nretry: 5\nevent: e\n\n")).toEqual([
      { data: "\na\n b", event: "e", id: "" },
    ]);
    expect(read("event: lost\n\ndata: 1\n\n")).toEqual([{ data: "1", event: "message", id: "" }]);
  });
});
