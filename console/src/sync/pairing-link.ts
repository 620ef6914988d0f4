import { bytesOfBase64, type Bytes } from "./base64.ts";
import { KEY_BYTES } from "./boxes.ts";

/** What stands before the key: in the picture that a terminal shows, and in the address that it opens (sync.md §2.3). */
const BEFORE_KEY = ["happy://terminal?", "/terminal/connect#key="] as const;

/**
 * The public key of the terminal in the link that a person pastes or scans. The key alone does not count: an account's
 * secret looks the same, and a public key is sent to the server.
 * @returns null: it is something else, or was cut
 */
export function terminalKeyIn(text: string): Bytes | null {
  const pasted = text.trim();
  for (const mark of BEFORE_KEY) {
    const at = pasted.indexOf(mark);
    if (at === -1) continue;
    const bytes = bytesOfBase64(decoded(pasted.slice(at + mark.length)));
    return bytes?.length === KEY_BYTES ? bytes : null;
  }
  return null;
}

/** Messengers encode some characters of links. */
function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}
