interface ImportMetaEnv {
  /** Control address of the local Discord; only `npm start` sets it. */
  readonly VITE_DISCORD_CONTROL_URL?: string;
  /** Control address of the local FACEIT; only `npm start` sets it. */
  readonly VITE_FACEIT_CONTROL_URL?: string;
}

/** Address of Scalar's script among the page's assets (vite.config.ts). */
declare module "virtual:scalar" {
  const address: string;
  export default address;
}
