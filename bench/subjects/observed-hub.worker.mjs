// The Worker's bundle unchanged, with its hub watched from outside: every call into the object is counted
// (`/calls`), or every SQL cursor is kept, so that its rows can be counted (`/rows-read`). Both are answered
// outside the object, so reading them is no call.
import { DurableObject } from "cloudflare:workers";
import app, { GuildHub as Original } from "bundle.js";
export * from "bundle.js";

let calls = 0;
/** Cursors since the last `/rows-read`. */
let cursors = [];
let keepsCursors = false;

export class GuildHub extends Original {
  constructor(ctx, env) {
    calls += 1;
    if (env.OBSERVED === "rows") keepCursorsOf(ctx.storage.sql);
    super(ctx, env);
  }
}

for (
  let prototype = Original.prototype;
  prototype !== DurableObject.prototype;
  prototype = Object.getPrototypeOf(prototype)
) {
  for (const [name, { value }] of Object.entries(Object.getOwnPropertyDescriptors(prototype))) {
    if (Object.hasOwn(GuildHub.prototype, name) || typeof value !== "function") continue;
    GuildHub.prototype[name] = function countThenRun(...parameters) {
      calls += 1;
      return value.apply(this, parameters);
    };
  }
}

function keepCursorsOf(sql) {
  if (keepsCursors) return;
  keepsCursors = true;
  const prototype = Object.getPrototypeOf(sql);
  const { exec } = prototype;
  prototype.exec = function execAndKeep(...statement) {
    const cursor = exec.apply(this, statement);
    cursors.push(cursor);
    return cursor;
  };
}

export default {
  ...app,
  fetch(request, env, ctx) {
    const { pathname } = new URL(request.url);
    if (pathname === "/calls") return new Response(String(calls));
    if (pathname !== "/rows-read") return app.fetch(request, env, ctx);
    const rows = cursors.reduce((total, cursor) => total + cursor.rowsRead, 0);
    cursors = [];
    return new Response(String(rows));
  },
};
