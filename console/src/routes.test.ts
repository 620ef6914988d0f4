import { describe, expect, it } from "vitest";
import { placeLink, readPlace } from "./routes.ts";

const AREAS = ["rooms", "matches"];

describe("the address of a place", () => {
  it.each([
    ["", { area: "rooms", item: null }],
    ["#/", { area: "rooms", item: null }],
    ["#/matches", { area: "matches", item: null }],
    ["#/rooms/123", { area: "rooms", item: "123" }],
    ["#/rooms/", { area: "rooms", item: null }],
    ["#/rooms/a/b", { area: "rooms", item: "a" }],
    ["#/rooms/%zz", { area: "rooms", item: null }],
    ["#/constructor", { area: "rooms", item: null }],
    ["#main", { area: "rooms", item: null }],
  ])("%j leads to %j", (hash, place) => {
    expect(readPlace(hash, AREAS)).toEqual(place);
  });

  it("leads back to what it was made of", () => {
    for (const item of ["123", "a/b", "é #?", null]) {
      expect(readPlace(placeLink("matches", item), AREAS)).toEqual({ area: "matches", item });
    }
  });
});
