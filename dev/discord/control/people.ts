import { Hono } from "hono";
import { z } from "zod";
import { bad, withBody } from "../../doubles/control-api.ts";
import { isVoice } from "../model.ts";
import type { World } from "../world.ts";
import { Name, UserId } from "./fields.ts";

const VoiceBody = z.object({
  userId: UserId,
  channelId: z.string().nullable(),
  selfMute: z.boolean().optional(),
});
const MemberBody = z.object({
  userId: UserId,
  member: z.boolean(),
  guildId: z.string().optional(),
});
const UserBody = z.object({
  username: Name.optional(),
  globalName: Name.nullable().optional(),
  acceptsDirectMessages: z.boolean().optional(),
  bot: z.boolean().optional(),
});

/** What is different about somebody from now on. */
export type UserChanges = z.input<typeof UserBody>;

/** What people do: `/voice`, `/members`, `/users`. An unknown user is made. */
export function peopleControls(world: World, primaryGuildId: string): Hono {
  const api = new Hono();

  api.post("/voice", (c) =>
    withBody(c, VoiceBody, ({ userId, channelId, selfMute }) => {
      if (channelId === null) {
        world.setVoice(userId, null);
        return c.json({ ok: true });
      }
      const channel = world.channels.get(channelId);
      if (channel === undefined || !isVoice(channel)) {
        return bad(c, `channelId: there is no voice channel ${channelId}`);
      }
      world.setVoice(userId, channel, selfMute);
      return c.json({ ok: true });
    }),
  );

  api.post("/members", (c) =>
    withBody(c, MemberBody, ({ userId, member, guildId = primaryGuildId }) => {
      const guild = world.guilds.get(guildId);
      if (guild === undefined) return bad(c, `guildId: there is no guild ${guildId}`);
      if (userId === guild.ownerId) return bad(c, "userId: the owner stays");
      if (member) world.join(guildId, world.user(userId));
      else world.leave(guildId, world.user(userId));
      return c.json({ ok: true });
    }),
  );

  api.post("/users/:id", (c) =>
    withBody(c, UserBody, ({ username, globalName, acceptsDirectMessages, bot }) => {
      const id = UserId.safeParse(c.req.param("id"));
      if (!id.success || id.data === world.botId) return bad(c, "there is no such person");
      const changed = world.updateUser(world.user(id.data), {
        ...(username === undefined ? {} : { username }),
        ...(globalName === undefined ? {} : { globalName }),
        ...(acceptsDirectMessages === undefined ? {} : { acceptsDirectMessages }),
        ...(bot === undefined ? {} : { bot }),
      });
      return c.json(changed);
    }),
  );
  return api;
}
