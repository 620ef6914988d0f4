/** A body that is read piece by piece: what `fetch` answers with. */
export type ByteStream = ReadableStream<Uint8Array<ArrayBuffer>>;

/**
 * Reads Server-Sent Events (WHATWG HTML §9.2) to their end. By hand, because the browser's own
 * EventSource cannot carry a header, and there is none in Node.
 * @param onMessage gets each message's event name, empty when it has none, and its data
 * @param onBytes called whenever anything came, a comment too: the other end lives
 * @throws what the body fails with
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
