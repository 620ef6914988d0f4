/** Payload of one text frame; it is only valid during the call. */
type OnText = (payload: Buffer) => void;

/**
 * Reads a server's WebSocket frames from TCP chunks. It knows what the subjects send (unmasked, whole
 * text frames, pings and closes) and is a fraction of the cost of a full client.
 */
export class FrameReader {
  readonly #onText: OnText;
  readonly #onClose: (code: number) => void;
  #rest: Buffer | null = null;

  constructor(onText: OnText, onClose: (code: number) => void) {
    this.#onText = onText;
    this.#onClose = onClose;
  }

  push(chunk: Buffer): void {
    const data = this.#rest === null ? chunk : Buffer.concat([this.#rest, chunk]);
    let at = 0;
    for (;;) {
      const frame = frameAt(data, at);
      if (frame === null) break;
      const payload = data.subarray(frame.start, frame.end);
      if (frame.opcode === 1) this.#onText(payload);
      else if (frame.opcode === 8) {
        this.#onClose(payload.length >= 2 ? payload.readUInt16BE(0) : 1005);
      }
      at = frame.end;
    }
    this.#rest = at === data.length ? null : data.subarray(at);
  }
}

/** The frame that starts at `at`, or null when it is not there whole. */
function frameAt(
  data: Buffer,
  at: number,
): { readonly opcode: number; readonly start: number; readonly end: number } | null {
  if (data.length < at + 2) return null;
  const opcode = (data[at] ?? 0) & 0x0f;
  const short = (data[at + 1] ?? 0) & 0x7f;
  const header = short === 127 ? 10 : short === 126 ? 4 : 2;
  if (data.length < at + header) return null;
  const length =
    short === 127
      ? Number(data.readBigUInt64BE(at + 2))
      : short === 126
        ? data.readUInt16BE(at + 2)
        : short;
  const start = at + header;
  const end = start + length;
  return data.length < end ? null : { opcode, start, end };
}

/** A client's text frame, masked as RFC 6455 §5.3 wants. For the few frames that the load sends. */
export function maskedText(text: string): Buffer {
  const payload = Buffer.from(text);
  const mask = Buffer.from([0x12, 0x34, 0x56, 0x78]);
  const header = Buffer.alloc(payload.length < 126 ? 2 : 4);
  header[0] = 0x81;
  if (payload.length < 126) header[1] = 0x80 | payload.length;
  else {
    header[1] = 0x80 | 126;
    header.writeUInt16BE(payload.length, 2);
  }
  const masked = payload.map((byte, index) => byte ^ (mask[index % 4] ?? 0));
  return Buffer.concat([header, mask, masked]);
}
