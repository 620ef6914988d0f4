// The Worker's bundle unchanged, with one more route. `POST /fill?events=100&bytes=10000` makes the hub publish so
// many events of that size, through the call that features use: no event of rooms is so large, and a hundred
// megabytes of small ones would take minutes.
import app from "bundle.js";
export * from "bundle.js";

export default {
  ...app,
  async fetch(request, env, ctx) {
    const { pathname, searchParams } = new URL(request.url);
    if (pathname !== "/fill") return app.fetch(request, env, ctx);
    const guildId = env.PRIMARY_GUILD_ID;
    const publication = {
      event: "room.updated",
      payload: { channelId: guildId, guildId, name: filler(searchParams), userLimit: 0 },
      audience: null,
      topic: null,
    };
    const events = Number(searchParams.get("events"));
    // The object gets the name that all callers use, because the hub reads its guild from the name.
    const hub = env.HUB.get(env.HUB.idFromName(guildId));
    const published = await hub.publish(Array.from({ length: events }, () => publication));
    return Response.json({ seq: published.at(-1).seq });
  },
};

function filler(searchParams) {
  return "x".repeat(Number(searchParams.get("bytes")));
}
