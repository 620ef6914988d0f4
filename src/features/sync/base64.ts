/** The last characters are those that an encoder writes: bits that belong to no byte are zero (RFC 4648 §3.5). */
const PADDED = /^[A-Za-z0-9+/]*(?:[AQgw]==|[AEIMQUYcgkosw048]=)?$/;

/**
 * Whether a text is base64 of the standard alphabet with padding (RFC 4648 §4), as one encoder would write it. So
 * bytes that are stored come back as the same text.
 */
export function isBase64(text: string): boolean {
  return text.length % 4 === 0 && PADDED.test(text);
}

/** How many bytes a text stands for of which {@link isBase64} holds. */
export function base64Bytes(text: string): number {
  const padding = text.endsWith("==") ? 2 : Number(text.endsWith("="));
  return (text.length / 4) * 3 - padding;
}

/** The bytes of a text; null: {@link isBase64} does not hold. */
export function decodeBase64(text: string): Uint8Array<ArrayBuffer> | null {
  if (!isBase64(text)) return null;
  const binary = atob(text);
  const bytes = new Uint8Array(binary.length);
  for (let at = 0; at < binary.length; at += 1) bytes[at] = binary.charCodeAt(at);
  return bytes;
}
