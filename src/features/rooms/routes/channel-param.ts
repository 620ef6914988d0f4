import { z } from "@hono/zod-openapi";
import { DiscordId } from "../../../protocol/discord-id.ts";

/** The room's channel in a path. */
export const ChannelParam = z.object({
  channelId: DiscordId.openapi({ param: { name: "channelId", in: "path" } }),
});
