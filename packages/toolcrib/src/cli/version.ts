import manifest from '../../package.json' with { type: 'json' };

/** Of the package. */
export const VERSION: string = manifest.version;

/** What the package says it runs on, as npm writes it: npm only warns. */
export const SUPPORTED_NODE: string = manifest.engines.node;

/** False for a Node that is older than every one of {@link SUPPORTED_NODE}. @param version e.g. `22.22.2`. */
export function isSupported(version: string): boolean {
  const least = SUPPORTED_NODE.split(' || ')[0]?.replace('^', '') ?? '';
  return version.localeCompare(least, 'en', { numeric: true }) >= 0;
}
