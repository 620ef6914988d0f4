// The hubs of the tests unchanged, with one more route. `POST /expel?sub=alice` closes this person's connections at
// the desk as the desk itself would, with a code that tells clients not to come back.
import app from "bundle.js";
export * from "bundle.js";

export default {
  ...app,
  async fetch(request, env, ctx) {
    const { pathname, searchParams } = new URL(request.url);
    if (pathname !== "/expel") return app.fetch(request, env, ctx);
    const desk = env.USER_HUB.getByName("desk");
    const connections = await desk.connections(searchParams.get("sub"));
    for (const { connectionId } of connections) await desk.command("desk.close", connectionId);
    return Response.json({ closed: connections.length });
  },
};
