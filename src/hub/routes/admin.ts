import type { OpenAPIHono } from "@hono/zod-openapi";
import type { AppEnv } from "../../platform/http/app-env.ts";
import { hubInspection } from "../inspection.ts";
import type { InspectionOf } from "./admin-access.ts";
import {
  mountAdminConnections,
  mountAdminExplain,
  mountAdminRevocations,
} from "./admin-connections.ts";
import { mountAdminHub, mountAdminPublisher } from "./admin-hub.ts";

/** What operators may ask and do, behind the scope `hub:admin` (hub.md, inspection). */
export function mountAdmin(
  app: OpenAPIHono<AppEnv>,
  inspectionOf: InspectionOf = hubInspection,
): void {
  mountAdminHub(app, inspectionOf);
  mountAdminConnections(app, inspectionOf);
  mountAdminExplain(app, inspectionOf);
  mountAdminRevocations(app, inspectionOf);
  mountAdminPublisher(app, inspectionOf);
}
