import { describe, expect, it } from "vitest";
import { claimsOf } from "./claims.ts";

const jwt = (payload: unknown) =>
  `e30.${Buffer.from(JSON.stringify(payload)).toString("base64url")}.signature`;

describe("the claims of an access token", () => {
  it("are read as they stand", () => {
    const token = jwt({
      sub: "zoë 🎲",
      scope: "rooms:manage  profile",
      guilds: ["1", "2", 3],
      discord_id: "42",
    });
    expect(claimsOf(token)).toEqual({
      sub: "zoë 🎲",
      scopes: ["rooms:manage", "profile"],
      guilds: ["1", "2"],
      discordId: "42",
    });
  });

  it("may be few", () => {
    expect(claimsOf(jwt({ sub: "a" }))).toEqual({ sub: "a", scopes: [] });
  });

  it.each([
    ["a list", { scope: ["rooms:manage", "hub:admin"] }, ["rooms:manage", "hub:admin"]],
    ["scp, as Okta and Entra have it", { scp: "rooms:manage" }, ["rooms:manage"]],
    ["both", { scope: "profile", scp: ["rooms:manage", "profile"] }, ["profile", "rooms:manage"]],
    ["neither text nor a list", { scope: 5, scp: [7, "a"] }, ["a"]],
  ])("have scopes as %s", (_as, claims, scopes) => {
    expect(claimsOf(jwt({ sub: "a", ...claims }))?.scopes).toEqual(scopes);
  });

  it.each(["", "opaque", "a.b", "a.%%%.c", jwt(7), jwt({}), jwt({ sub: 5 })])(
    "are none in %j",
    (token) => {
      expect(claimsOf(token)).toBeUndefined();
    },
  );
});
