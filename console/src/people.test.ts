import { describe, expect, it } from "vitest";
import {
  channelName,
  forgetPeople,
  initialsOf,
  knownPeople,
  knownPerson,
  nameOf,
  personOf,
  readPerson,
  rememberChannels,
  rememberPeople,
} from "./people.ts";

describe("who people are", () => {
  it("is read from the server's data, and only safe pictures are shown", () => {
    const avatarUrl = "https://cdn.discordapp.com/avatars/1/a.png";
    expect(readPerson({ userId: "1", name: "Ada", avatarUrl })).toEqual({
      userId: "1",
      name: "Ada",
      avatarUrl,
    });
    expect(readPerson({ name: "Ada" }, "1")).toEqual({ userId: "1", name: "Ada", avatarUrl: null });
    for (const bad of ["javascript:alert(1)", "http://cdn.test/a.png", 5, null]) {
      expect(readPerson({ userId: "1", name: "Ada", avatarUrl: bad })?.avatarUrl).toBeNull();
    }
  });

  it.each([undefined, null, 4, "Ada", {}, { userId: "1" }, { userId: "1", name: " " }])(
    "is left alone where nothing is told: %j",
    (value) => {
      expect(readPerson(value, "1")).toBeUndefined();
    },
  );

  it("is remembered as it was last sent", () => {
    expect(nameOf("100000000000000301")).toBe("User …0301");
    rememberPeople([{ userId: "100000000000000301", name: "Ada", avatarUrl: null }]);
    rememberPeople([{ userId: "100000000000000301", name: "Ada L.", avatarUrl: null }]);
    expect(personOf("100000000000000301").name).toBe("Ada L.");
    rememberChannels([["c1", "Friday"]]);
    expect([channelName("c1"), channelName("c2")]).toEqual(["Friday", undefined]);
  });

  it("is forgotten together with its server", () => {
    rememberPeople([{ userId: "601", name: "Ada", avatarUrl: null }]);
    rememberChannels([["c9", "Friday"]]);
    forgetPeople();
    expect([knownPeople(""), knownPerson("601"), channelName("c9")]).toEqual([
      [],
      undefined,
      undefined,
    ]);
  });

  it("is found by a part of the name, or by the whole id", () => {
    rememberPeople([
      { userId: "501", name: "Grace Hopper", avatarUrl: null },
      { userId: "502", name: "Edsger", avatarUrl: null },
    ]);
    const found = (text: string) => knownPeople(text).map(({ userId }) => userId);
    expect(found(" hopp ")).toEqual(["501"]);
    expect(found("502")).toEqual(["502"]);
    expect(found("50")).toEqual([]);
    expect(found("")).toContain("501");
  });

  it("is not offered where somebody is left out, by the id either", () => {
    rememberPeople([{ userId: "503", name: "Grace Slick", avatarUrl: null }]);
    const found = (text: string) => knownPeople(text, ["501"]).map(({ userId }) => userId);
    expect(found("grace")).toEqual(["503"]);
    expect(found("501")).toEqual([]);
  });
});

describe("the replacement of a picture", () => {
  it.each([
    ["Grace Hopper", "GH"],
    ["aurora_one", "AO"],
    ["User …0301", "U0"],
    ["edsger", "E"],
    ["👩‍🚀 Sally", "👩‍🚀S"],
    ["مرحبا", "م"],
    ["...", ""],
    ["", ""],
  ])("%j: %j", (name, initials) => {
    expect(initialsOf(name)).toBe(initials);
  });
});
