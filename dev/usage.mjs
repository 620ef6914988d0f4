// Help for the scripts of package.json. Plain JavaScript, because some run before anything is installed.

/**
 * Prints how a script is used and ends, when `--help` or `-h` is among its arguments.
 * @param {string} usage begins with `Usage: npm run NAME`
 */
export function offerHelp(usage) {
  if (!process.argv.slice(2).some((argument) => argument === "--help" || argument === "-h")) return;
  console.log(usage);
  process.exit(0);
}
