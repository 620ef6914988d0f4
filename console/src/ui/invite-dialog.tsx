import { useSignal } from "@preact/signals";
import type { JSX } from "preact";
import { useEffect, useRef } from "preact/hooks";
import type { RoomView } from "../../../src/client/guild-view.ts";
import type { Invite } from "../../../src/client/resources.ts";
import { duration } from "../time-words.ts";
import { Dialog } from "./dialog.tsx";

/** Rounds up, so that a link that is valid for a day is shown as a day. */
const HALF_A_MINUTE_MS = 30_000;

/** Shows the new invite link, already copied if the browser allows it. */
export function InviteDialog({
  room,
  invite,
  onClose,
}: {
  readonly room: RoomView;
  readonly invite: Invite;
  readonly onClose: () => void;
}): JSX.Element {
  const copied = useSignal<"no" | "yes" | "refused">("no");
  const input = useRef<HTMLInputElement>(null);
  const copy = async (): Promise<void> => {
    try {
      await navigator.clipboard.writeText(invite.url);
      copied.value = "yes";
    } catch {
      copied.value = "refused";
      input.current?.select();
    }
  };
  useEffect(() => void copy(), [invite.url]);
  return (
    <Dialog title={`Invite to ${room.name}`} onClose={onClose}>
      <div class="invite-row">
        <input
          ref={input}
          type="text"
          readOnly
          aria-label="Invite link"
          value={invite.url}
          onFocus={(event) => event.currentTarget.select()}
        />
        <button type="button" class="button-main" autofocus onClick={() => void copy()}>
          Copy link
        </button>
      </div>
      <p class="muted" role="status">
        {copied.value === "yes" && "Copied. "}
        {copied.value === "refused" && "Press Ctrl+C or ⌘C to copy it. "}
        {lifeOf(invite)}
        {room.details?.private === true && " Only the people on the room's list get in."}
      </p>
      <div class="dialog-actions">
        <button type="button" class="button" onClick={onClose}>
          Close
        </button>
      </div>
    </Dialog>
  );
}

function lifeOf({ expiresAt }: Invite): string {
  if (expiresAt === null) return "The link does not expire.";
  return `The link works for ${duration(Date.parse(expiresAt) - Date.now() + HALF_A_MINUTE_MS)}.`;
}
