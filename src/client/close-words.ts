import { CLOSE_CODES, type CloseName } from "../protocol/close-codes.ts";

/** Why a connection ended, for the person in front of the page. */
const SENTENCES = {
  normal: "The server closed the connection.",
  goingAway: "The server is going away.",
  frameTooBig: "This page sent too much at once. Reload it.",
  restart: "The server is restarting.",
  overloaded: "The server was faster than this page could follow.",
  unauthorized: "The sign-in had run out.",
  forbidden: "You are not allowed to see this guild.",
  authenticationTimeout: "The sign-in took too long.",
  tooManySockets: "You have this page open too often. Close some tabs, then connect again.",
  tooManyFrames: "This page talked too much.",
  protocolError: "This page and the server do not understand each other. Reload it.",
} as const satisfies Record<CloseName, string>;

/** The sentence for a close code; one that we never send is a network that broke. */
export function closeInWords(code: number): string {
  const row = Object.entries(CLOSE_CODES).find(([, known]) => known.code === code);
  return row !== undefined && isName(row[0]) ? SENTENCES[row[0]] : "The connection was lost.";
}

function isName(name: string): name is CloseName {
  return Object.hasOwn(SENTENCES, name);
}
