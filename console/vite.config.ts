import path from "node:path";
import scalarForFastify from "@scalar/fastify-api-reference";
import { defineConfig, type Plugin } from "vite";

/**
 * Scalar's script as one file. It comes from the plugin for Fastify, the one package without a framework
 * around it: 24 MB to install instead of 350. The plugin serves the script on its own route.
 */
function scalarScript(): string {
  let script = "";
  const reply = { header: () => reply, send: (body: string) => body };
  const fastify = {
    initialConfig: { ignoreTrailingSlash: true },
    hasPlugin: () => false,
    route: (route: { readonly url: string; readonly handler: Handler }) => {
      if (route.url.endsWith("/scalar.js")) script = route.handler({}, reply);
    },
  };
  const register = scalarForFastify as unknown as (
    app: typeof fastify,
    options: object,
    done: () => void,
  ) => void;
  register(fastify, { configuration: { url: "/openapi.json" } }, () => {});
  if (script === "") throw new Error("@scalar/fastify-api-reference no longer brings its script");
  return script;
}

type Handler = (request: object, reply: object) => string;

/** Resolves `virtual:scalar` to the URL of the script among the page's own assets. */
function scalar(): Plugin {
  const name = "virtual:scalar";
  let asset = "";
  return {
    name: "scalar",
    apply: "build",
    buildStart() {
      asset = this.emitFile({ type: "asset", name: "scalar.js", source: scalarScript() });
    },
    resolveId: (id) => (id === name ? `\0${name}` : null),
    load: (id) =>
      id === `\0${name}` ? `export default import.meta.ROLLUP_FILE_URL_${asset};` : null,
  };
}

/** The page, and the API page at /docs: `npx vite build console` writes console/dist, which the Worker serves. */
export default defineConfig({
  plugins: [scalar()],
  build: {
    rolldownOptions: {
      input: ["index.html", "docs.html", "terminal/connect.html"].map((page) =>
        path.join(import.meta.dirname, page),
      ),
    },
    // The Worker's content security policy allows scripts and styles from /assets/ only.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    sourcemap: false,
    target: "es2023",
  },
});
