import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { initialsOf, personOf } from "../people.ts";

/** Number of colours for initials: the same person has the same one everywhere. */
const TINTS = 6;

/** A person's picture or initials. It adds nothing to the name beside it. */
export function Avatar({ userId }: { readonly userId: string }): JSX.Element {
  const { name, avatarUrl } = personOf(userId);
  const [broken, setBroken] = useState<string | null>(null);
  if (avatarUrl !== null && avatarUrl !== broken) {
    return (
      <img
        class="avatar"
        src={avatarUrl}
        alt=""
        width={24}
        height={24}
        loading="lazy"
        referrerpolicy="no-referrer"
        onError={() => setBroken(avatarUrl)}
      />
    );
  }
  return (
    <span
      class={`avatar avatar-${tintOf(userId)}`}
      data-initials={initialsOf(name)}
      aria-hidden="true"
    />
  );
}

function tintOf(userId: string): number {
  let sum = 0;
  for (const sign of userId) sum = (sum * 31 + (sign.codePointAt(0) ?? 0)) % 9_973;
  return sum % TINTS;
}
