import manifest from '../../package.json' with { type: 'json' };

/** Of the package. */
export const VERSION: string = manifest.version;

/** What the package says it runs on, as npm writes it: npm only warns. */
export const SUPPORTED_NODE: string = manifest.engines.node;

/** False for a Node that is older than every one of {@link SUPPORTED_NODE}. @param version e.g. `22.22.2`. */
export function isSupported(version: string): boolean {
  const least = SUPPORTED_NODE.split(' || ')[0]?.replace('^', '') ?? '';
  const [[major, minor, patch], [leastMajor, leastMinor, leastPatch]] = [numbersOf(version), numbersOf(least)];
  return major !== leastMajor ? major > leastMajor : minor !== leastMinor ? minor > leastMinor : patch >= leastPatch;
}

/** By hand: comparing as a locale does loads ICU, 6 ms at every start. */
function numbersOf(version: string): readonly [number, number, number] {
  const [major = 0, minor = 0, patch = 0] = version.split('.').map(Number);
  return [major, minor, patch];
}
