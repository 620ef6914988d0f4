// What the scripts of package.json are called with. Plain JavaScript, because some run before anything is
// installed.
// As a whole: a Node that is too old for `parseArgs` is to be told so.
import util from "node:util";

/**
 * Prints how a script is used and ends, when `--help` or `-h` is among its arguments.
 * @param {string} usage begins with `Usage: npm run NAME`
 */
export function offerHelp(usage) {
  if (!process.argv.slice(2).some((argument) => argument === "--help" || argument === "-h")) return;
  console.log(usage);
  process.exit(0);
}

/**
 * What a script was called with. Helps who asks for it, and ends with the usage when it makes no sense.
 * @template {import("node:util").ParseArgsConfig} T
 * @param {string} usage begins with `Usage: npm run NAME`
 * @param {T} config
 */
export function readArguments(usage, config) {
  offerHelp(usage);
  try {
    return util.parseArgs(config);
  } catch {
    return stop(usage);
  }
}

/**
 * Ends a script with a message for the person at the keyboard.
 * @param {string} message
 * @returns {never}
 */
export function stop(message) {
  console.error(message);
  process.exit(1);
}
