/** The body of a `fetch` response. */
export type ByteStream = ReadableStream<Uint8Array<ArrayBuffer>>;

/**
 * Reads Server-Sent Events (WHATWG HTML §9.2) to their end. The browser's EventSource is not used, because it
 * cannot send a header and Node has none.
 * @param onMessage gets the event name (empty when absent) and the data of each message
 * @param onBytes called when anything arrives, also a comment: the other end is alive
 * @throws the error of the body
 */
export async function readEventStream(
  body: ByteStream,
  onMessage: (event: string, data: string) => void,
  onBytes: () => void,
): Promise<void> {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  let event = "";
  let data: string[] = [];
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    onBytes();
    // A lone CR at the end may be the first half of a CRLF.
    const lines = (rest + value).split(/\r\n|\n|\r(?!$)/);
    rest = lines.pop() ?? "";
    for (const line of lines) {
      const [field = ""] = line.split(":", 1);
      const text = line.slice(field.length + 1).replace(/^ /, "");
      if (field === "data") data.push(text);
      else if (field === "event") event = text;
      else if (line === "") {
        if (data.length > 0) onMessage(event, data.join("\n"));
        event = "";
        data = [];
      }
    }
  }
}
