// A Worker of the bench unchanged, with one more route: `/collect` lets the engine collect all garbage of the isolate.
// It needs the engine's flag `--expose-gc`.
import app from "bundle.js";
export * from "bundle.js";

export default {
  ...app,
  fetch(request, env, ctx) {
    if (new URL(request.url).pathname !== "/collect") return app.fetch(request, env, ctx);
    globalThis.gc();
    return new Response("1");
  },
};
