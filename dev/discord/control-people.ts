import { err, ok } from "../../src/platform/result.ts";
import { z } from "zod";
import { type ControlRoute, DONE, onPost } from "../doubles/control.ts";
import type { InteractionsEndpoint } from "./interactions/endpoint.ts";
import { commandInteraction, pingInteraction } from "./interactions/interaction.ts";
import { isVoice } from "./model.ts";
import type { World } from "./world.ts";

/** A user's id. It does not have to exist. */
const UserId = z.string().regex(/^[\w-]{1,64}$/, "1 to 64 letters, digits, - or _");

/** The name of a guild, a channel or a user. */
export const Name = z.string().trim().min(1).max(100);

export const BitSet = z.string().regex(/^\d{1,20}$/, "a bit set as a decimal string");

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
  username: Name.exactOptional(),
  globalName: Name.nullable().exactOptional(),
  acceptsDirectMessages: z.boolean().exactOptional(),
  bot: z.boolean().exactOptional(),
});
const CommandBody = z.object({
  userId: UserId,
  command: z.string().min(1).max(32),
  options: z.record(z.string(), z.string().max(6_000)).default({}),
  permissions: BitSet.nullable().default(null),
  guildId: z.string().optional(),
});

/** Changes of a user. */
export type UserChanges = z.input<typeof UserBody>;

/** A use of a slash command. `permissions` are the member's, as a bit set. */
export type CommandUse = z.input<typeof CommandBody>;

/**
 * Actions of people: move (`/voice`), join and leave (`/members`), change a user (`/users`), use a slash command
 * or check the endpoint (`/interactions`). An unknown user is created.
 */
export function peopleControls(
  world: World,
  endpoint: InteractionsEndpoint,
  { primaryGuildId, newId }: { primaryGuildId: string; newId: () => string },
): readonly ControlRoute[] {
  return [
    onPost("/voice", VoiceBody, ({ userId, channelId, selfMute }) => {
      const channel = channelId === null ? null : world.channels.get(channelId);
      if (channel === undefined || (channel !== null && !isVoice(channel))) {
        return err(`channelId: there is no voice channel ${channelId}`);
      }
      world.setVoice(userId, channel, selfMute);
      return DONE;
    }),

    onPost("/members", MemberBody, ({ userId, member, guildId = primaryGuildId }) => {
      const guild = world.guilds.get(guildId);
      if (guild === undefined) return err(`guildId: there is no guild ${guildId}`);
      if (userId === guild.ownerId) return err("userId: the owner stays");
      if (member) world.join(guildId, world.user(userId));
      else world.leave(guildId, world.user(userId));
      return DONE;
    }),

    onPost("/users/:id", UserBody, (changes, userId) => {
      const id = UserId.safeParse(userId);
      if (!id.success || id.data === world.botId) return err("there is no such person");
      return ok(world.updateUser(world.user(id.data), changes));
    }),

    onPost("/interactions", CommandBody, async ({ userId, guildId = primaryGuildId, ...use }) => {
      const present = world.guilds.get(guildId);
      if (present === undefined || !world.isIn(present)) {
        return err(`guildId: there is no guild ${guildId} with the bot in it`);
      }
      if (!world.users.has(userId)) world.join(guildId, world.user(userId));
      const guild = world.guilds.get(guildId);
      if (guild === undefined || !Object.hasOwn(guild.members, userId)) {
        return err(`userId: ${userId} is not in the guild`);
      }
      const user = world.user(userId);
      const interaction = commandInteraction(world, { guild, user, ...use }, newId);
      if (!interaction.ok) return interaction;
      const reply = await endpoint.send(interaction.value);
      return reply.ok ? reply : err({ status: 502, error: reply.error });
    }),

    {
      method: "POST",
      path: "/interactions/ping",
      run: async () => {
        const checked = await endpoint.check(pingInteraction(world, newId));
        return checked.ok ? checked : err({ status: 502, error: checked.error });
      },
    },
  ];
}
