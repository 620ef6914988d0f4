import type { ComponentChildren, JSX } from "preact";

function Icon({ children }: { readonly children: ComponentChildren }): JSX.Element {
  return (
    <svg class="icon" viewBox="0 0 20 20" aria-hidden="true">
      {children}
    </svg>
  );
}

/** The logo of the page. */
export const Mark = (): JSX.Element => (
  <svg class="brand-mark" viewBox="0 0 32 32" aria-hidden="true">
    <rect width="32" height="32" rx="9" />
    <path d="M9 13v6M16 9v14M23 13v6" />
  </svg>
);

/** For private rooms. */
export const LockIcon = (): JSX.Element => (
  <Icon>
    <rect x="4.5" y="9" width="11" height="7.5" rx="1.8" />
    <path d="M7 9V6.5a3 3 0 0 1 6 0V9" />
  </Icon>
);

/** For voice, and the rooms. */
export const VoiceIcon = (): JSX.Element => (
  <Icon>
    <path d="M3.5 8v4h3l4 3.2V4.8L6.5 8z" />
    <path d="M13.5 7.5a3.6 3.6 0 0 1 0 5M15.8 5.2a6.8 6.8 0 0 1 0 9.6" />
  </Icon>
);

/** For matches. */
export const MatchIcon = (): JSX.Element => (
  <Icon>
    <path d="M6 3.5h8v4.2a4 4 0 0 1-8 0zM6 5H3.5c0 2.6 1 3.8 2.8 4M14 5h2.5c0 2.6-1 3.8-2.8 4M10 11.7v3M6.8 16.5h6.4" />
  </Icon>
);

/** For the activity. */
export const ActivityIcon = (): JSX.Element => (
  <Icon>
    <path d="M2.5 10.5H6l2.3-6 3.4 11 2.3-5h3.5" />
  </Icon>
);

/** For sync. */
export const SyncIcon = (): JSX.Element => (
  <Icon>
    <path d="M15.8 8.2A6.2 6.2 0 0 0 4.6 7M4.2 11.8A6.2 6.2 0 0 0 15.4 13M4.3 3.6V7h3.4M15.7 16.4V13h-3.4" />
  </Icon>
);

/** For an account that is a key. */
export const KeyIcon = (): JSX.Element => (
  <Icon>
    <circle cx="7" cy="12.8" r="3.4" />
    <path d="M9.5 10.3 16 3.8M12.4 7.4l2.2 2.2M14.4 5.4l1.8 1.8" />
  </Icon>
);

/** For removing. */
export const CloseIcon = (): JSX.Element => (
  <Icon>
    <path d="M5.5 5.5l9 9M14.5 5.5l-9 9" />
  </Icon>
);

/** For an external link. */
export const OutIcon = (): JSX.Element => (
  <Icon>
    <path d="M11.5 4h4.5v4.5M15.6 4.4 9.5 10.5M8 5H5.5A1.5 1.5 0 0 0 4 6.5v8A1.5 1.5 0 0 0 5.5 16h8a1.5 1.5 0 0 0 1.5-1.5V12" />
  </Icon>
);

/** For expanding and collapsing. */
export const ChevronIcon = (): JSX.Element => (
  <Icon>
    <path d="M7.5 5l5 5-5 5" />
  </Icon>
);

/** For searching. */
export const SearchIcon = (): JSX.Element => (
  <Icon>
    <circle cx="8.8" cy="8.8" r="5" />
    <path d="M12.6 12.6l4 4" />
  </Icon>
);

/** For creating something new. */
export const PlusIcon = (): JSX.Element => (
  <Icon>
    <path d="M10 4.5v11M4.5 10h11" />
  </Icon>
);

/** For the tools of the local stack. */
export const ToolsIcon = (): JSX.Element => (
  <Icon>
    <path d="M8 3.5h4M8.8 3.5v4.3L4.4 15a1 1 0 0 0 .9 1.5h9.4a1 1 0 0 0 .9-1.5l-4.4-7.2V3.5M6.4 12h7.2" />
  </Icon>
);

/** For leaving the page. */
export const SignOutIcon = (): JSX.Element => (
  <Icon>
    <path d="M8 4H5.5A1.5 1.5 0 0 0 4 5.5v9A1.5 1.5 0 0 0 5.5 16H8M8.5 10H16M13 6.8 16.2 10 13 13.2" />
  </Icon>
);
