import { defineConfig } from "vite";

/** The page: `npx vite build console` writes console/dist, which the Worker serves. */
export default defineConfig({
  build: {
    // The Worker's content security policy allows scripts and styles from /assets/ only.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    sourcemap: false,
    target: "es2023",
  },
});
