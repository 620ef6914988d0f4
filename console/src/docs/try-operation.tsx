import { useSignal, type Signal } from "@preact/signals";
import type { JSX } from "preact";
import { requestOf, type Operation } from "./documents.ts";

/** Headers of an answer that are worth a line. */
const SHOWN_HEADERS = [
  "Retry-After",
  "RateLimit",
  "RateLimit-Policy",
  "Allow",
  "WWW-Authenticate",
  "X-Request-Id",
];

/** A form that sends the request and shows the answer. */
export function TryOperation({
  operation,
  token,
}: {
  readonly operation: Operation;
  readonly token: Signal<string>;
}): JSX.Element {
  const inputs = useSignal<Readonly<Record<string, string>>>({});
  const body = useSignal(operation.body?.sample ?? "");
  const answer = useSignal("");
  const isSending = useSignal(false);

  const send = async (event: SubmitEvent): Promise<void> => {
    event.preventDefault();
    if (isSending.value) return;
    isSending.value = true;
    const { path, init } = requestOf(operation, inputs.value, body.value, token.value);
    answer.value = await textOf(path, init);
    isSending.value = false;
  };

  return (
    <form class="docs-try" onSubmit={(event) => void send(event)}>
      {operation.parameters.map(({ name, required }) => (
        <label key={name}>
          <span>{name}</span>
          <input
            type="text"
            required={required}
            value={inputs.value[name] ?? ""}
            onInput={(event) =>
              (inputs.value = { ...inputs.value, [name]: event.currentTarget.value })
            }
          />
        </label>
      ))}
      {operation.body !== null && (
        <label>
          <span>Body</span>
          <textarea
            rows={Math.min(10, body.value.split("\n").length + 1)}
            spellcheck={false}
            value={body.value}
            onInput={(event) => (body.value = event.currentTarget.value)}
          />
        </label>
      )}
      <button type="submit" class="button-main" aria-disabled={isSending.value}>
        Send
      </button>
      <div role="status">{answer.value !== "" && <pre tabIndex={0}>{answer.value}</pre>}</div>
    </form>
  );
}

async function textOf(path: string, init: RequestInit): Promise<string> {
  try {
    const response = await fetch(path, init);
    const headers = SHOWN_HEADERS.flatMap((name) => {
      const value = response.headers.get(name);
      return value === null ? [] : [`${name}: ${value}`];
    });
    const body = await response.text();
    return [`${response.status} ${response.statusText}`, ...headers, "", pretty(body)].join("\n");
  } catch {
    return "The request did not reach the Worker. Is it running?";
  }
}

function pretty(text: string): string {
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
}
