import type { JSX } from "preact";
import { dismiss, notices } from "../notices.ts";
import { CloseIcon } from "./icons.tsx";

/** The list of notices at the edge of the page. */
export function NoticeList(): JSX.Element {
  return (
    <div class="notices" role="status" aria-label="Messages">
      {notices.value.map(({ id, kind, text }) => (
        <div key={id} class={`notice notice-${kind}`}>
          <span>{text}</span>
          <button
            type="button"
            class="button-plain button-icon"
            aria-label="Dismiss"
            onClick={() => dismiss(id)}
          >
            <CloseIcon />
          </button>
        </div>
      ))}
    </div>
  );
}
