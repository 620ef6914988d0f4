import { readFile } from "node:fs/promises";
import { describe, expect, it } from "vitest";

const css = await readFile(new URL("tokens.css", import.meta.url), "utf8");
const [light = "", dark = ""] = css.split("@media (prefers-color-scheme: dark)");

function colours(block: string): Map<string, string> {
  return new Map(
    [...block.matchAll(/--([\w-]+): (#[0-9a-f]{6});/g)].map((match) => [
      match[1] ?? "",
      match[2] ?? "",
    ]),
  );
}

/** WCAG 2 relative luminance. */
function luminance(hex: string): number {
  const [r = 0, g = 0, b = 0] = [1, 3, 5]
    .map((at) => Number.parseInt(hex.slice(at, at + 2), 16) / 255)
    .map((part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4));
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}

function contrast(one: string, other: string): number {
  const [low = 0, high = 0] = [luminance(one), luminance(other)].toSorted((a, b) => a - b);
  return (high + 0.05) / (low + 0.05);
}

const TEXT_ON = [
  ["text", "ground"],
  ["text", "surface"],
  ["text", "raised"],
  ["text", "accent-soft"],
  ["text", "bad-soft"],
  ["text", "busy-soft"],
  ["text", "tint-0"],
  ["text", "tint-1"],
  ["text", "tint-2"],
  ["text", "tint-3"],
  ["text", "tint-4"],
  ["text", "tint-5"],
  ["muted", "ground"],
  ["muted", "surface"],
  ["muted", "raised"],
  ["muted", "busy-soft"],
  ["muted", "accent-soft"],
  ["accent", "ground"],
  ["accent", "surface"],
  ["accent", "raised"],
  ["accent", "accent-soft"],
  ["good", "surface"],
  ["busy", "ground"],
  ["busy", "surface"],
  ["busy", "raised"],
  ["bad", "surface"],
  ["bad", "ground"],
  ["bad", "raised"],
  ["bad", "bad-soft"],
  ["on-accent", "accent-ground"],
  ["on-bad", "bad-ground"],
] as const;

/** Borders of controls, focus rings and the dots of the states. */
const SHAPE_ON = [
  ["line-strong", "surface"],
  ["accent", "ground"],
  ["accent", "surface"],
  ["good", "ground"],
  ["good", "surface"],
  ["busy", "ground"],
  ["busy", "surface"],
  ["bad", "ground"],
  ["bad", "surface"],
  ["muted", "ground"],
  ["muted", "surface"],
] as const;

describe.each([
  ["light", colours(light)],
  ["dark", colours(dark)],
])("the %s colours", (_name, palette) => {
  const ratio = (one: string, other: string): number =>
    contrast(palette.get(one) ?? "missing", palette.get(other) ?? "missing");

  it.each(TEXT_ON)("text: %s on %s", (text, ground) => {
    expect(ratio(text, ground)).toBeGreaterThanOrEqual(4.5);
  });

  it.each(SHAPE_ON)("shape: %s on %s", (shape, ground) => {
    expect(ratio(shape, ground)).toBeGreaterThanOrEqual(3);
  });
});
