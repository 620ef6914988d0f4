import { useSignal } from "@preact/signals";
import type { JSX } from "preact";
import type { RoomView } from "../../../src/client/guild-view.ts";
import type { Guild } from "../guild.ts";
import { notify } from "../notices.ts";
import { Dialog } from "./dialog.tsx";
import { useProblem } from "./hooks.ts";

/** Asks for confirmation, then ends a room. */
export function EndRoomDialog({
  guild,
  room,
  onClose,
}: {
  readonly guild: Guild;
  readonly room: RoomView;
  readonly onClose: (ended: boolean) => void;
}): JSX.Element {
  const sending = useSignal(false);
  const problem = useProblem(guild, "end");
  const end = async (): Promise<void> => {
    if (sending.value) return;
    sending.value = true;
    problem.clear();
    const outcome = await guild.api.endRoom(room.channelId);
    sending.value = false;
    if (outcome.ok) {
      notify(`${room.name} has ended.`);
      onClose(true);
    } else problem.show(outcome.failure);
  };
  return (
    <Dialog title={`End ${room.name}?`} onClose={() => onClose(false)}>
      <p>{whatHappens(room.members.length)}</p>
      <p class="field-error" role="alert">
        {problem.text}
      </p>
      <div class="dialog-actions">
        <button type="button" class="button" autofocus onClick={() => onClose(false)}>
          Keep it open
        </button>
        <button
          type="button"
          class="button-main button-main-danger"
          aria-disabled={sending.value}
          onClick={() => void end()}
        >
          {sending.value ? "Ending …" : "End room"}
        </button>
      </div>
    </Dialog>
  );
}

function whatHappens(inside: number): string {
  if (inside === 0) return "Nobody is in it. Its channel is deleted in Discord.";
  const who = inside === 1 ? "One person is in it and is" : `${inside} people are in it and are`;
  return `${who} disconnected. Its channel is deleted in Discord.`;
}
