import { isRecord, isText } from "../../src/client/json-shape.ts";

/** The result of a call to a local service. */
export type ControlOutcome =
  | { readonly ok: true; readonly value: unknown }
  /** `problem` is for people. */
  | { readonly ok: false; readonly problem: string };

/**
 * Calls the control endpoint of a local service.
 * @param service its name in a problem, such as "local Discord"
 * @param url the whole URL
 * @param body sent as JSON by POST; absent: a GET
 */
export async function callControl(
  service: string,
  url: string,
  body?: unknown,
): Promise<ControlOutcome> {
  try {
    const response = await fetch(
      url,
      body === undefined
        ? {}
        : {
            method: "POST",
            headers: { "content-type": "application/json" },
            body: JSON.stringify(body),
          },
    );
    const answer: unknown = await response.json().catch(() => ({}));
    if (response.ok) return { ok: true, value: answer };
    const told = isRecord(answer) && isText(answer["error"]) ? answer["error"] : undefined;
    return { ok: false, problem: told ?? `The ${service} answered ${response.status}.` };
  } catch {
    return { ok: false, problem: `The ${service} can't be reached.` };
  }
}
