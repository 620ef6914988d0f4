interface ImportMetaEnv {
  /** Control address of the local Discord; only `npm start` sets it. */
  readonly VITE_DISCORD_CONTROL_URL?: string;
  /** Control address of the local FACEIT; only `npm start` sets it. */
  readonly VITE_FACEIT_CONTROL_URL?: string;
}
