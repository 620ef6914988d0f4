import { askOutside, type Fetch } from "../../src/protocol/outbound.ts";
import { signBody } from "../../src/protocol/signed-events.ts";
import { TRACEPARENT_HEADER, writeTraceparent } from "../../src/protocol/trace.ts";
import { classifyAnswer, type Answer } from "./answer.ts";

/** Timeout of one request to the hub, milliseconds. */
const HUB_TIMEOUT_MS = 10_000;

/** Bytes of an answer of the hub, which names at most the events of one batch. */
const ANSWER_MAX_BYTES = 64 * 1024;

/** The result of our last request to the hub. */
export type HubStatus = {
  readonly state: "unknown" | "accepting" | "unreachable" | "misconfigured" | "stale";
  /** In words for a person. */
  readonly reason: string;
};

/** Sends signed bodies to the hub, and remembers the result. */
export type HubClient = ReturnType<typeof createHubClient>;

/** Dependencies of a hub client. */
export type HubClientParts = {
  readonly endpoint: string;
  /** The current key first; the previous one during a rotation. */
  readonly secrets: readonly string[];
  /** Milliseconds since 1970. */
  readonly now: () => number;
  /** Called when the hub accepts requests again. */
  readonly onAccepting: () => void;
  readonly fetcher?: Fetch;
  readonly timeoutMs?: number;
};

function statusAfter(answer: Answer, before: HubStatus): HubStatus {
  switch (answer.kind) {
    case "accepted":
      return { state: "accepting", reason: "" };
    case "misconfigured":
      return { state: "misconfigured", reason: answer.reason };
    case "stale":
      return { state: "stale", reason: "a newer gateway-worker publishes to the hub" };
    case "later":
      // A hub that names a time for the next attempt is alive and only busy.
      return answer.afterMs === null ? { state: "unreachable", reason: answer.reason } : before;
    case "gap":
    case "rejected":
      return before;
  }
}

/** The client of `POST /internal/events` (rooms.md §4). */
export function createHubClient(parts: HubClientParts) {
  const { endpoint, secrets, now, onAccepting, fetcher, timeoutMs = HUB_TIMEOUT_MS } = parts;
  const aborter = new AbortController();
  let status: HubStatus = { state: "unknown", reason: "the hub was not reached yet" };

  async function attempt(body: Uint8Array<ArrayBuffer>, trace: string | null): Promise<Answer> {
    try {
      const headers = {
        "Content-Type": "application/json",
        ...(await signBody(secrets, body, now())),
        ...(trace === null ? {} : { [TRACEPARENT_HEADER]: writeTraceparent(trace) }),
      };
      const init = { method: "POST", headers, body, signal: aborter.signal };
      const bounds = { timeoutMs, maxBytes: ANSWER_MAX_BYTES };
      const answer = await askOutside(endpoint, init, bounds, fetcher);
      return classifyAnswer(
        answer.status,
        answer.headers.get("Retry-After"),
        answer.text ?? "",
        now(),
      );
    } catch {
      return { kind: "later", afterMs: null, reason: `the hub does not answer at ${endpoint}` };
    }
  }

  return {
    get status(): HubStatus {
      return status;
    },
    /**
     * One attempt, signed now. Never throws: without an answer it returns `later`.
     * @param trace W3C trace id of the body's subject; null: the hub creates one
     */
    async post(body: Uint8Array<ArrayBuffer>, trace: string | null): Promise<Answer> {
      const answer = await attempt(body, trace);
      const before = status;
      // A process that had to stop publishing stays stopped, even if a late answer accepts events.
      if (before.state !== "stale") status = statusAfter(answer, before);
      if (status.state === "accepting" && before.state !== "accepting") onAccepting();
      return answer;
    },
    /** Aborts the attempts that wait for an answer. */
    abort: () => aborter.abort(),
  };
}
