import { useSignal } from "@preact/signals";
import type { ComponentChildren, JSX } from "preact";
import { Dialog } from "./dialog.tsx";

/** Asks before something that is hard to take back. The focus is on the answer that changes nothing. */
export function QuestionDialog({
  title,
  no,
  yes,
  onYes,
  onClose,
  children,
}: {
  readonly title: string;
  /** What the button says that changes nothing. */
  readonly no: string;
  /** What the button says that does it. */
  readonly yes: string;
  /** Does it; then the dialog is no longer rendered. @returns why it failed, in words; empty: it is done */
  readonly onYes: () => Promise<string> | string;
  readonly onClose: () => void;
  /** What it means. */
  readonly children: ComponentChildren;
}): JSX.Element {
  const sending = useSignal(false);
  const problem = useSignal("");
  const answer = async (): Promise<void> => {
    if (sending.value) return;
    sending.value = true;
    problem.value = await onYes();
    sending.value = false;
  };
  return (
    <Dialog title={title} onClose={onClose}>
      {children}
      <p class="field-error" role="alert">
        {problem.value}
      </p>
      <div class="dialog-actions">
        <button type="button" class="button" autofocus onClick={onClose}>
          {no}
        </button>
        <button
          type="button"
          class="button-main button-main-danger"
          aria-disabled={sending.value}
          onClick={() => void answer()}
        >
          {yes}
        </button>
      </div>
    </Dialog>
  );
}
