import { expect, it } from "vitest";
import { bodyOf, discordWithReplies, json, ROOM } from "../../testing/discord-replies.ts";
import { privateOverwrites } from "./create-room.ts";

it("closes a private channel to everybody except the listed users and the bot", async () => {
  const { client, sent } = discordWithReplies([json(201, { id: "77", name: "under", type: 2 })]);
  const access = { userIds: ["u1", "u2", "u1"], botUserId: "bot" };
  const overwrites = privateOverwrites("1", access);
  await client.createVoiceChannel({ ...ROOM, parentId: "cat", overwrites });
  const talk = String((1 << 10) + (1 << 20) + (1 << 21) + (1 << 9));
  expect(bodyOf(sent[0])).toMatchObject({
    parent_id: "cat",
    permission_overwrites: [
      { id: "1", type: 0, allow: "0", deny: String((1 << 10) + (1 << 20)) },
      { id: "u1", type: 1, allow: talk, deny: "0" },
      { id: "u2", type: 1, allow: talk, deny: "0" },
      { id: "bot", type: 1, allow: String((1 << 10) + (1 << 20) + (1 << 4)), deny: "0" },
    ],
  });
});
