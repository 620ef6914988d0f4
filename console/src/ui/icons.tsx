import type { ComponentChildren, JSX } from "preact";

function Icon({ children }: { readonly children: ComponentChildren }): JSX.Element {
  return (
    <svg class="icon" viewBox="0 0 20 20" aria-hidden="true">
      {children}
    </svg>
  );
}

/** For rooms that not everybody sees. */
export const LockIcon = (): JSX.Element => (
  <Icon>
    <rect x="4.5" y="9" width="11" height="7.5" rx="1.8" />
    <path d="M7 9V6.5a3 3 0 0 1 6 0V9" />
  </Icon>
);

/** For who is in a voice channel. */
export const VoiceIcon = (): JSX.Element => (
  <Icon>
    <path d="M3.5 8v4h3l4 3.2V4.8L6.5 8z" />
    <path d="M13.5 7.5a3.6 3.6 0 0 1 0 5M15.8 5.2a6.8 6.8 0 0 1 0 9.6" />
  </Icon>
);

/** For taking a message away. */
export const CloseIcon = (): JSX.Element => (
  <Icon>
    <path d="M5.5 5.5l9 9M14.5 5.5l-9 9" />
  </Icon>
);
