import { signal } from "@preact/signals";
import type { JSX } from "preact";
import { useEffect } from "preact/hooks";
import { hash, readPlace } from "../routes.ts";
import { AREAS, SYNC_TAB } from "./areas.tsx";
import { NoticeList } from "./notice-list.tsx";
import { Shell } from "./shell.tsx";
import type * as Section from "./sync-section.tsx";
import { ViewHead } from "./view-head.tsx";

/** The code of sync, which is loaded when somebody goes there: most people at rooms never do. */
const section = signal<typeof Section | "loading" | "failed">("loading");

async function load(): Promise<void> {
  if (typeof section.value === "object") return;
  section.value = "loading";
  try {
    section.value = await import("./sync-section.tsx");
  } catch {
    section.value = "failed";
  }
}

/** Sync. @param item what the address says behind its name; null: nothing */
export function SyncArea({ item }: { readonly item: string | null }): JSX.Element {
  useEffect(() => void load(), []);
  const { value } = section;
  if (typeof value === "object") return <value.SyncView item={item} />;
  return (
    <>
      <ViewHead title={SYNC_TAB.title} aside="" />
      <div class="empty">
        {value === "loading" ? (
          <p>Loading …</p>
        ) : (
          <>
            <p role="alert">This part of the page could not be loaded.</p>
            <button type="button" class="button" onClick={() => void load()}>
              Try again
            </button>
          </>
        )}
      </div>
    </>
  );
}

/** The connection and the account of sync, at the foot of the navigation. */
export function SyncFoot(): JSX.Element | null {
  const { value } = section;
  return typeof value === "object" ? <value.SyncStatus /> : null;
}

/** The page for people who are not signed in at the provider. */
export function SyncPage({
  hasGuild,
}: {
  /** Whether there are rooms, to which a sign-in leads. */
  readonly hasGuild: boolean;
}): JSX.Element {
  const tabs = [...(hasGuild ? AREAS.slice(0, 1) : []), SYNC_TAB].map(({ id, title, Icon }) => ({
    id,
    title,
    Icon,
  }));
  const { item } = readPlace(hash.value, [SYNC_TAB.id]);
  return (
    <>
      <Shell tabs={tabs} current={SYNC_TAB.id} foot={<SyncFoot />}>
        <SyncArea item={item} />
      </Shell>
      <NoticeList />
    </>
  );
}
