// An old Node.js reads this too: no syntax and no import that it does not have.

/** The oldest version of each line that serves; package.json's `engines` says the same. */
const OLDEST = [
  [20, 19],
  [22, 12],
];

/** What is wrong with a version such as `v18.20.4`, in one line; undefined where nothing is. */
export function unfitNode(version) {
  const [major, minor] = version.slice(1).split(".").map(Number);
  const [wanted] = OLDEST.filter((oldest) => major <= oldest[0]);
  if (wanted === undefined || (major === wanted[0] && minor >= wanted[1])) return undefined;
  return `Apogee needs Node.js ${wanted.join(".")} or newer; this is ${version}.`;
}

/** Ends the process with that line. */
export function requireNode() {
  const unfit = unfitNode(process.version);
  if (unfit === undefined) return;
  process.stderr.write(`${unfit}\n`);
  process.exit(1);
}
