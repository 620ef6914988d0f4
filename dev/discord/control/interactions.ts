import { Hono } from "hono";
import { z } from "zod";
import { bad, withBody } from "../../doubles/control-api.ts";
import type { InteractionsEndpoint } from "../interactions/endpoint.ts";
import { commandInteraction, pingInteraction } from "../interactions/interaction.ts";
import type { World } from "../world.ts";
import { BitSet, UserId } from "./fields.ts";

const CommandBody = z.object({
  userId: UserId,
  command: z.string().min(1).max(32),
  options: z.record(z.string(), z.string().max(6_000)).default({}),
  permissions: BitSet.nullable().default(null),
  guildId: z.string().optional(),
});

/** A slash command as somebody uses it. `permissions` is what they may do, a bit set. */
export type CommandUse = z.input<typeof CommandBody>;

/** Somebody uses a slash command, or somebody saves the endpoint's address: `/interactions`. */
export function interactionControls(
  world: World,
  endpoint: InteractionsEndpoint,
  { primaryGuildId, newId }: { primaryGuildId: string; newId: () => string },
): Hono {
  const api = new Hono();

  api.post("/", (c) =>
    withBody(c, CommandBody, async ({ userId, guildId = primaryGuildId, ...use }) => {
      const present = world.guilds.get(guildId);
      if (present === undefined || !world.isIn(present)) {
        return bad(c, `guildId: there is no guild ${guildId} with the bot in it`);
      }
      if (!world.users.has(userId)) world.join(guildId, world.user(userId));
      const guild = world.guilds.get(guildId);
      if (guild === undefined || !Object.hasOwn(guild.members, userId)) {
        return bad(c, `userId: ${userId} is not in the guild`);
      }
      const user = world.user(userId);
      const interaction = commandInteraction(world, { guild, user, ...use }, newId);
      if (!interaction.ok) return bad(c, interaction.error);
      const reply = await endpoint.send(interaction.value);
      return reply.ok ? c.json(reply.value) : c.json({ error: reply.error }, 502);
    }),
  );

  api.post("/ping", async (c) => {
    const checked = await endpoint.check(pingInteraction(world, newId));
    return checked.ok ? c.json({ ok: true }) : c.json({ error: checked.error }, 502);
  });
  return api;
}
