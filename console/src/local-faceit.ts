import { signal } from "@preact/signals";
import { hasTexts, isRecord } from "../../src/client/json-shape.ts";
import { callControl } from "./control-call.ts";
import { isEnded } from "./match-words.ts";

/** Control URL of the local FACEIT; undefined in a production build. */
export const FACEIT_CONTROL_URL: string | undefined = import.meta.env.VITE_FACEIT_CONTROL_URL;

const SERVICE = "local FACEIT";

/** FACEIT's statuses of a match before its end, in order. */
const STEPS = ["CHECK_IN", "VOTING", "CONFIGURING", "READY", "ONGOING"] as const;

/** Statuses for which FACEIT sends no webhook. */
const UNTOLD: ReadonlySet<string> = new Set(["VOTING", "ONGOING"]);

/** Whether the page learns of this status only when the next one is reported. */
export function isUntold(status: string): boolean {
  return UNTOLD.has(status.toUpperCase());
}

/** A match that the local FACEIT plays. */
export type LocalMatch = {
  readonly matchId: string;
  readonly status: string;
  readonly competition: string;
};

/** The next status; null: the match ends next. */
export function nextStatus(status: string): string | null {
  const at = STEPS.findIndex((step) => step === status.toUpperCase());
  return STEPS[at + 1] ?? null;
}

/** The control endpoints of the local FACEIT, for the panel. */
export class LocalFaceit {
  /** Matches that are not over, newest first. */
  readonly matches = signal<readonly LocalMatch[]>([]);
  /** Why the last call failed; empty if it worked. */
  readonly problem = signal("");
  readonly #url: string;

  constructor(url: string) {
    this.#url = url.replace(/\/{1,9}$/, "");
  }

  /** Reads the current matches. */
  async refresh(): Promise<void> {
    const body = await this.#call("/_control/state");
    if (body !== undefined) this.matches.value = readMatches(body);
  }

  /** Starts a match between the local accounts. */
  async start(): Promise<void> {
    if ((await this.#call("/_control/matches", {})) !== undefined) await this.refresh();
  }

  /** Moves a match to another status; FACEIT's webhooks report it. */
  async progress(matchId: string, status: string): Promise<void> {
    const path = `/_control/matches/${encodeURIComponent(matchId)}/status`;
    if ((await this.#call(path, { status })) !== undefined) await this.refresh();
  }

  async #call(path: string, body?: unknown): Promise<unknown> {
    const outcome = await callControl(SERVICE, `${this.#url}${path}`, body);
    this.problem.value = outcome.ok ? "" : outcome.problem;
    return outcome.ok ? outcome.value : undefined;
  }
}

function readMatches(body: unknown): readonly LocalMatch[] {
  const matches = isRecord(body) && Array.isArray(body["matches"]) ? body["matches"] : [];
  const read = matches.flatMap((match: unknown): LocalMatch[] => {
    if (!hasTexts(match, ["matchId", "status"]) || isEnded(match.status)) return [];
    const { matchId, status, competition } = match;
    const name = hasTexts(competition, ["name"]) ? competition.name : "A match";
    return [{ matchId, status, competition: name }];
  });
  return read.toReversed();
}
