import { artifactNameFrom, formatArtifactName, type ArtifactName } from './artifact-name.ts';
import { digestFromHex, digestHex, type Digest } from './digest.ts';
import { UsageError } from './errors.ts';

/** The pins of one version: file name to digest, sorted by name. The trust anchor. */
export type Sums = ReadonlyMap<string, Digest>;

/** No sums file is larger, in bytes: some thousand lines. */
export const MAX_SUMS_BYTES = 1024 * 1024;

const LINE = /^(?<hex>[0-9a-fA-F]{64})(?: {2}| \*)(?<name>\S.*)$/;

/** One `sha256sum` line per file, sorted by name (code point), nothing else. */
export function formatSums(sums: Sums): string {
  return [...sums]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, digest]) => `${digestHex(digest)}  ${name}\n`)
    .join('');
}

/**
 * Reads a sums file. `*` before a name and upper-case hex are tolerated; order is not demanded on reading.
 * @param path named in errors, with the line.
 * @param of the tool and version that every line must belong to; without it any are read.
 * @throws UsageError `SUMS_INVALID` for a line that is no sum, a name that is no released artifact (of this tool and
 * version), or a repeated name.
 */
export function parseSums(text: string, path: string, of?: { tool: string; version: number }): Sums {
  const sums = new Map<string, Digest>();
  const lines = text.replace(/\r?\n$/, '').split(/\r?\n/);
  if (text.trim() === '') return sums;
  lines.forEach((line, index) => {
    const where = `${path}:${index + 1}`;
    const { artifact, name, digest } = parseSumsLine(line, where);
    if (sums.has(name)) throw invalidSums(`${where}: ${name} is listed twice`);
    if (of !== undefined && (artifact.tool !== of.tool || artifact.version !== of.version)) {
      throw invalidSums(`${where}: ${name} does not belong to ${of.tool} version ${of.version}`);
    }
    sums.set(name, digest);
  });
  return new Map([...sums].sort(([a], [b]) => (a < b ? -1 : 1)));
}

function parseSumsLine(line: string, where: string): { artifact: ArtifactName; name: string; digest: Digest } {
  const groups = LINE.exec(line)?.groups;
  const name = groups?.['name'];
  const digest = digestFromHex(groups?.['hex'] ?? '');
  if (name === undefined || digest === undefined) {
    throw invalidSums(`${where}: expected "<64 hex>  <name>", found ${JSON.stringify(line.slice(0, 120))}`);
  }
  const artifact = artifactNameFrom(name);
  if (artifact === undefined || artifact.dev)
    throw invalidSums(`${where}: ${JSON.stringify(name)} is not the name of a released artifact`);
  return { artifact, name, digest };
}

/**
 * The digest that git pins for an artifact.
 * @returns undefined when no line names it.
 */
export function pinOf(sums: Sums, name: ArtifactName): Digest | undefined {
  return sums.get(formatArtifactName(name));
}

/** True when both name the same files with the same digests. */
export function isSameSums(a: Sums, b: Sums): boolean {
  return differentNames(a, b).length === 0;
}

/** Names that only one side has, or that have other digests; sorted. */
export function differentNames(a: Sums, b: Sums): readonly string[] {
  const names = new Set([...a.keys(), ...b.keys()]);
  return [...names].filter((name) => a.get(name) !== b.get(name)).sort();
}

function invalidSums(message: string): UsageError {
  return new UsageError('SUMS_INVALID', message, {
    hint: 'a sums file holds one sha256sum line per target of the current version; "toolcrib publish" writes it',
  });
}
