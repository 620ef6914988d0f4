import path from "node:path";
import { defineConfig } from "vite";

/** The page, and the API page at /docs: `npx vite build console` writes console/dist, which the Worker serves. */
export default defineConfig({
  build: {
    rolldownOptions: {
      input: ["index.html", "docs.html"].map((page) => path.join(import.meta.dirname, page)),
    },
    // The Worker's content security policy allows scripts and styles from /assets/ only.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    sourcemap: false,
    target: "es2023",
  },
});
