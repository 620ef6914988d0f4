import type { SseMessage } from "../hub/edge/sse.ts";

/** A message as it arrived. `id` is the last id of the stream, also if an earlier message brought it. */
export type ReceivedMessage = Required<Pick<SseMessage, "data" | "event">> & {
  readonly id: string;
};

/**
 * Reads an event stream from chunks that may be cut anywhere, even inside a character or a line end (HTML Living
 * Standard §9.2.6). It skips comments, unknown fields, and a message without its empty line.
 */
export class SseReader {
  readonly #decoder = new TextDecoder();
  #line = "";
  #skipLineFeed = false;
  #data: string[] = [];
  #event = "";
  #id = "";

  /** Reads the next bytes. @returns the messages that they complete */
  push(bytes: Uint8Array): ReceivedMessage[] {
    let text = this.#decoder.decode(bytes, { stream: true });
    if (text === "") return [];
    // The second half of a line end that was cut between two chunks.
    if (this.#skipLineFeed && text.startsWith("\n")) text = text.slice(1);
    this.#skipLineFeed = text.endsWith("\r");
    const messages: ReceivedMessage[] = [];
    let start = 0;
    for (const end of text.matchAll(/\r\n?|\n/g)) {
      const line = this.#line + text.slice(start, end.index);
      this.#line = "";
      start = end.index + end[0].length;
      if (line !== "") this.#takeField(line);
      else if (this.#data.length > 0) messages.push(this.#complete());
      else this.#event = "";
    }
    this.#line += text.slice(start);
    return messages;
  }

  #takeField(line: string): void {
    const colon = line.indexOf(":");
    const name = colon === -1 ? line : line.slice(0, colon);
    const value = colon === -1 ? "" : line.slice(colon + 1).replace(/^ /, "");
    if (name === "data") this.#data.push(value);
    else if (name === "event") this.#event = value;
    else if (name === "id" && !value.includes("\0")) this.#id = value;
  }

  #complete(): ReceivedMessage {
    const message = {
      data: this.#data.join("\n"),
      event: this.#event === "" ? "message" : this.#event,
      id: this.#id,
    };
    this.#data = [];
    this.#event = "";
    return message;
  }
}
