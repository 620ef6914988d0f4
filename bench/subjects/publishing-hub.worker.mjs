// The Worker's bundle unchanged, with one more route: `POST /publish` passes its body, a list of publications, to the
// hub, through the call that areas use. So an event has any audience, and no Discord is needed.
import app from "bundle.js";
export * from "bundle.js";

export default {
  ...app,
  async fetch(request, env, ctx) {
    if (new URL(request.url).pathname !== "/publish") return app.fetch(request, env, ctx);
    const published = await env.HUB.getByName(env.PRIMARY_GUILD_ID).publish(await request.json());
    return Response.json({ published: published.length });
  },
};
