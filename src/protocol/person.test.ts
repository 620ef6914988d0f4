import { expect, it } from "vitest";
import { PERSON_NAME_MAX_LENGTH } from "./limits.ts";
import { DiscordUser } from "./person.ts";

it("a name of Discord's is cut, and needs something that can be seen", () => {
  const named = (name: string) => DiscordUser.safeParse({ name, avatar: null }).data?.name;
  const longest = "n".repeat(PERSON_NAME_MAX_LENGTH);
  expect(named(longest)).toBe(longest);
  expect(named(`${longest}n`)).toBe(longest);
  expect(named("\u200b")).toBeUndefined();
});
