import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { isBefore, readVersion, type StoreVersion, updateUrlFor } from "./app-version.ts";

const version = (text: string) => {
  const read = readVersion(text);
  if (read === null) throw new Error(`${text} is no version`);
  return read;
};

describe("versions (semver.org)", () => {
  it("come in the order of §11", () => {
    const inOrder = [
      "0.0.0",
      "0.9.9",
      "1.0.0-0",
      "1.0.0-9",
      "1.0.0-10",
      "1.0.0-alpha",
      "1.0.0-alpha.1",
      "1.0.0-alpha.beta",
      "1.0.0-beta",
      "1.0.0-beta.2",
      "1.0.0-beta.11",
      "1.0.0-rc.1",
      "1.0.0",
      "1.0.1",
      "1.4.1",
      "1.4.10",
      "1.10.0",
      "2.0.0",
      "999999999.0.0",
    ].map(version);
    for (const [i, one] of inOrder.entries()) {
      for (const [j, other] of inOrder.entries()) expect(isBefore(one, other)).toBe(i < j);
    }
  });

  it("have a build that counts for nothing", () => {
    expect(isBefore(version("1.4.1+5"), version("1.4.1"))).toBe(false);
    expect(isBefore(version("1.4.1"), version("1.4.1+5"))).toBe(false);
    expect(version("1.4.1-rc.1+a.b")).toEqual(version("1.4.1-rc.1"));
  });

  it.each([
    "",
    "1",
    "1.4",
    "1.4.1.0",
    "v1.4.1",
    "01.4.1",
    "1.4.1-",
    "1.4.1-a..b",
    "1.4.1-01",
    "1.4.1 ",
    "1.4.1\n",
    "-1.4.1",
    "1.4.x",
    "1.4.1000000000",
    "１.4.1",
    `1.4.1-${"a".repeat(101)}`,
  ])("are not like %j", (text) => {
    expect(readVersion(text)).toBeNull();
  });

  it("are read whatever the text is", () => {
    const Part = fc.nat(999_999_999);
    fc.assert(
      fc.property(Part, Part, Part, (...numbers) => {
        expect(version(numbers.join("."))).toEqual({ numbers, preRelease: [] });
      }),
    );
    fc.assert(fc.property(fc.string(), (text) => void readVersion(text)));
  });
});

describe("where an app should be updated (sync.md §3.10)", () => {
  const stores: readonly StoreVersion[] = [
    { platform: "ios", oldest: version("1.4.1"), updateUrl: "https://ios.test" },
    { platform: "android", oldest: version("2.0.0"), updateUrl: "https://android.test" },
  ];

  it.each([
    ["ios", "1.4.1", null],
    ["ios", "1.5.0", null],
    ["ios", "1.4.0", "https://ios.test"],
    ["ios", "1.4.1-beta.1", "https://ios.test"],
    ["IOS", "1.3.9", "https://ios.test"],
    ["Android", "1.5.0", "https://android.test"],
    ["android", "2.0.0", null],
    ["ios", "nonsense", "https://ios.test"],
    ["ios", "", "https://ios.test"],
    ["web", "0.0.1", null],
    ["__proto__", "0.0.1", null],
    ["", "0.0.1", null],
  ])("%s %s: %s", (platform, text, url) => {
    expect(updateUrlFor(stores, platform, text)).toBe(url);
  });
});
