// Arguments and help of the scripts of package.json. Plain JavaScript, because some run before anything is
// installed. `node:util` is imported as a whole, so that a Node without `parseArgs` gets the message about its
// version.
import util from "node:util";

/**
 * Prints the usage of a script and ends the process, if `--help` or `-h` is among its arguments.
 * @param {string} usage begins with `Usage: npm run NAME`
 */
export function offerHelp(usage) {
  if (!process.argv.slice(2).some((argument) => argument === "--help" || argument === "-h")) return;
  console.log(usage);
  process.exit(0);
}

/**
 * Parses the arguments of a script. Prints the usage and ends on `--help`, and on invalid arguments.
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
 * Ends a script with a message for the user.
 * @param {string} message
 * @returns {never}
 */
export function stop(message) {
  console.error(message);
  process.exit(1);
}
