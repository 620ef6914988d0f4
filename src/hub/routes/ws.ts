import type { OpenAPIHono } from "@hono/zod-openapi";
import type { AppEnv } from "../../platform/http/app-env.ts";
import { CONNECTIONS, refuseTooMany } from "../../platform/http/limit-user.ts";
import { problem } from "../../platform/http/problem.ts";
import { resumePositionFrom } from "../core/resume.ts";
import { callHub, decideEntry, refuseOrigin } from "./entry.ts";

/** `GET /ws`: decides at the upgrade who comes in, and hands the socket to the guild's hub (rooms.md §2). */
export function mountStream(app: OpenAPIHono<AppEnv>): void {
  app.get("/ws", async (c) => {
    if (c.req.header("Upgrade")?.toLowerCase() !== "websocket") {
      return problem(c, "upgrade_required", "Connect with a WebSocket client.", {
        headers: { Upgrade: "websocket" },
      });
    }
    const refused = refuseOrigin(c);
    if (refused !== null) return refused;
    const entry = await decideEntry(c);
    if (entry instanceof Response) return entry;
    // A ticket was counted when it was made.
    if (entry.identity !== undefined && entry.ticket === undefined) {
      const tooMany = await refuseTooMany(c, CONNECTIONS, entry.identity.sub);
      if (tooMany !== null) return tooMany;
    }
    const { epoch, seq } = resumePositionFrom(new URL(c.req.url).searchParams);
    return callHub(
      c,
      "/ws",
      {
        v: 1,
        ...entry,
        batch: c.req.query("batch") === "1",
        signals: c.req.query("signals") === "1",
        ...(epoch === undefined ? {} : { epoch }),
        ...(seq === undefined ? {} : { seq }),
      },
      { headers: { Upgrade: "websocket" }, success: 101 },
    );
  });
}
