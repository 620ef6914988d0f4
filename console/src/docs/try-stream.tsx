import { useSignal, type Signal } from "@preact/signals";
import type { JSX } from "preact";
import { useEffect, useRef } from "preact/hooks";
import type { Frame } from "./documents.ts";

/** Lines that stay in sight. */
const LINES_MAX = 200;

/** Connects with a ticket, shows every frame as it is, and sends what is written. */
export function TryStream({
  token,
  frames,
}: {
  readonly token: Signal<string>;
  readonly frames: readonly Frame[];
}): JSX.Element {
  const socket = useRef<WebSocket | null>(null);
  const isOpen = useSignal(false);
  const lines = useSignal<readonly string[]>([]);
  const draft = useSignal(frames.at(-1)?.sample ?? "");
  const say = (line: string): void => {
    lines.value = [...lines.value, line].slice(-LINES_MAX);
  };
  useEffect(() => () => socket.current?.close(), []);

  const connect = async (): Promise<void> => {
    const ticket = await ticketFor(token.value);
    if ("failure" in ticket) {
      say(ticket.failure);
      return;
    }
    const opened = new WebSocket(ticket.url);
    socket.current = opened;
    opened.addEventListener("open", () => (isOpen.value = true));
    opened.addEventListener("message", ({ data }) => say(`← ${String(data)}`));
    opened.addEventListener("close", ({ code, reason }) => {
      isOpen.value = false;
      say(`closed ${code}${reason === "" ? "" : `: ${reason}`}`);
    });
  };
  const send = (event: SubmitEvent): void => {
    event.preventDefault();
    socket.current?.send(draft.value);
    say(`→ ${draft.value}`);
  };

  return (
    <form class="docs-try" onSubmit={send}>
      {isOpen.value ? (
        <button type="button" class="button" onClick={() => socket.current?.close(1000)}>
          Disconnect
        </button>
      ) : (
        <button type="button" class="button-main" onClick={() => void connect()}>
          Connect
        </button>
      )}
      <label>
        <span>Frame</span>
        <input
          type="text"
          spellcheck={false}
          list="frames"
          value={draft.value}
          onInput={(event) => (draft.value = event.currentTarget.value)}
        />
      </label>
      <datalist id="frames">
        {frames.map(({ name, sample }) => (
          <option key={name} value={sample} />
        ))}
      </datalist>
      <button type="submit" class="button" disabled={!isOpen.value}>
        Send
      </button>
      <pre tabIndex={0} role="log" aria-label="Frames">
        {lines.value.length === 0 ? "Not connected." : lines.value.join("\n")}
      </pre>
    </form>
  );
}

async function ticketFor(token: string): Promise<{ url: string } | { failure: string }> {
  try {
    const response = await fetch("/ws/ticket", {
      method: "POST",
      headers: { Accept: "application/json", Authorization: `Bearer ${token}` },
    });
    const body = (await response.json()) as { readonly url?: string; readonly message?: string };
    return body.url === undefined
      ? { failure: body.message ?? `No ticket: ${response.status}` }
      : { url: body.url };
  } catch {
    return { failure: "The Worker does not answer. Is it running?" };
  }
}
