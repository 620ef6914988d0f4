import { useSignal } from "@preact/signals";
import type { ComponentType, JSX } from "preact";
import { useEffect, useRef } from "preact/hooks";
import type { Guild } from "../guild.ts";
import { ToolsIcon } from "./icons.tsx";

/** Whether the tools of the local stack are open in this tab. */
const TOOLS_OPEN = "guildhub:local-tools";

type Drawer = ComponentType<{
  readonly guild: Guild;
  readonly guildId: string;
  readonly onClose: () => void;
}>;

/**
 * The controls of the local services. They are not part of the product: their code is loaded only in the
 * local stack.
 */
export function LocalTools({
  guild,
  guildId,
}: {
  readonly guild: Guild;
  readonly guildId: string;
}): JSX.Element {
  const open = useSignal(sessionStorage.getItem(TOOLS_OPEN) === "yes");
  const drawer = useSignal<{ readonly View: Drawer } | null>(null);
  const toggle = useRef<HTMLButtonElement>(null);
  useEffect(() => {
    // At once, not when the drawer is opened: the Worker may be down by then, and the tools are for such
    // cases.
    void (async () => {
      const { LocalDrawer } = await import("./local-drawer.tsx");
      drawer.value = { View: LocalDrawer };
    })();
  }, []);
  useEffect(() => {
    sessionStorage.setItem(TOOLS_OPEN, open.value ? "yes" : "no");
  }, [open.value]);
  const { value: loaded } = drawer;
  return (
    <aside class={open.value ? "tools tools-open" : "tools"} aria-label="Local test tools">
      <button
        ref={toggle}
        type="button"
        class="tools-toggle"
        aria-expanded={open.value}
        title="Test users and faults of the local stack; not a part of the product"
        onClick={() => {
          open.value = !open.value;
        }}
      >
        <ToolsIcon />
        <span>Test tools</span>
      </button>
      {open.value && loaded !== null && (
        <loaded.View
          guild={guild}
          guildId={guildId}
          onClose={() => {
            open.value = false;
            toggle.current?.focus();
          }}
        />
      )}
    </aside>
  );
}
