// The Worker's bundle unchanged, with the hubs of accounts watched from outside: how often one was made (it woke) or
// called, which rows its SQL wrote, as the platform counts them, and how often it set its alarm, which is billed as a
// row. `/observed` is answered outside the objects, so reading it is no call.
import { DurableObject } from "cloudflare:workers";
import app, { UserHub as Original } from "bundle.js";
export * from "bundle.js";

const seen = { calls: 0, wakes: 0, rows: 0, alarms: 0 };
/** Cursors whose rows are not counted yet: one that is still read may write more. */
let cursors = [];
const CURSORS_MAX = 100;

export class UserHub extends Original {
  constructor(ctx, env) {
    seen.wakes += 1;
    watch(ctx.storage);
    super(ctx, env);
  }
}

for (
  let prototype = Original.prototype;
  prototype !== DurableObject.prototype;
  prototype = Object.getPrototypeOf(prototype)
) {
  for (const [name, { value }] of Object.entries(Object.getOwnPropertyDescriptors(prototype))) {
    if (Object.hasOwn(UserHub.prototype, name) || typeof value !== "function") continue;
    UserHub.prototype[name] = function countThenRun(...parameters) {
      seen.calls += 1;
      return value.apply(this, parameters);
    };
  }
}

function watch(storage) {
  const { sql } = storage;
  const exec = sql.exec.bind(sql);
  sql.exec = function execAndKeep(...statement) {
    const cursor = exec(...statement);
    cursors.push(cursor);
    if (cursors.length >= CURSORS_MAX) countRows();
    return cursor;
  };
  const setAlarm = storage.setAlarm.bind(storage);
  storage.setAlarm = function countThenSet(...parameters) {
    seen.alarms += 1;
    return setAlarm(...parameters);
  };
}

function countRows() {
  for (const { rowsWritten } of cursors) seen.rows += rowsWritten;
  cursors = [];
}

export default {
  ...app,
  fetch(request, env, ctx) {
    if (new URL(request.url).pathname !== "/observed") return app.fetch(request, env, ctx);
    countRows();
    return Response.json(seen);
  },
};
