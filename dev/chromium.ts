import { spawnSync } from "node:child_process";
import { accessSync, constants } from "node:fs";

const USUAL_PLACES = [
  // The headless build comes first: it needs a third less time.
  "/usr/bin/chromium-headless-shell",
  "/usr/bin/chromium",
  "/usr/bin/chromium-browser",
  "/usr/bin/google-chrome-stable",
  "/usr/bin/google-chrome",
  "/opt/google/chrome/chrome",
  "/snap/bin/chromium",
  "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
  "/Applications/Chromium.app/Contents/MacOS/Chromium",
];

/** Path of a Chromium or Chrome: CHROMIUM_PATH, else one in a usual place. */
export function findChromium(): string | undefined {
  const named = process.env["CHROMIUM_PATH"];
  const places = named === undefined || named === "" ? USUAL_PLACES : [named];
  return places.find(isExecutable);
}

/**
 * Installs Debian's chromium-headless-shell if possible (root, apt-get).
 * @returns its path; undefined: not found
 */
export function installChromium(): string | undefined {
  if (process.env["CHROMIUM_PATH"]) return undefined;
  if (process.getuid?.() !== 0 || !isExecutable("/usr/bin/apt-get")) return undefined;
  console.error("Installing Chromium for the browser tests, once …");
  const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive" };
  for (const args of [
    ["update", "-qq"],
    ["install", "-y", "-qq", "--no-install-recommends", "chromium-headless-shell"],
  ]) {
    const { status } = spawnSync("apt-get", args, { stdio: ["ignore", "ignore", "inherit"], env });
    if (status !== 0) return undefined;
  }
  return findChromium();
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
