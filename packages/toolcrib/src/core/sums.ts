import { artifactNameFrom, formatArtifactName, type ArtifactName } from './artifact-name.ts';
import { digestFromHex, digestHex, type Digest } from './digest.ts';
import { UsageError } from './errors.ts';

/** The pins of one version: file name to digest, sorted by name. The trust anchor. */
export type Sums = ReadonlyMap<string, Digest>;

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
 * @throws UsageError `SUMS_INVALID` for a line that is no sum, a name that is no artifact, or a repeated name.
 */
export function parseSums(text: string, path: string): Sums {
  const sums = new Map<string, Digest>();
  const lines = text.replace(/\r?\n$/, '').split(/\r?\n/);
  if (text.trim() === '') return sums;
  lines.forEach((line, index) => {
    const { name, digest } = parseSumsLine(line, `${path}:${index + 1}`);
    if (sums.has(name)) throw invalidSums(`${path}:${index + 1}: ${name} is listed twice`);
    sums.set(name, digest);
  });
  return new Map([...sums].sort(([a], [b]) => (a < b ? -1 : 1)));
}

function parseSumsLine(line: string, where: string): { name: string; digest: Digest } {
  const groups = LINE.exec(line)?.groups;
  const name = groups?.['name'];
  const digest = digestFromHex(groups?.['hex'] ?? '');
  if (name === undefined || digest === undefined) {
    throw invalidSums(`${where}: expected "<64 hex>  <name>", found ${JSON.stringify(line.slice(0, 120))}`);
  }
  const parsed = artifactNameFrom(name);
  if (parsed === undefined || parsed.dev)
    throw invalidSums(`${where}: ${JSON.stringify(name)} is not the name of a released artifact`);
  return { name, digest };
}

/**
 * The digest that git pins for an artifact.
 * @returns undefined when no line names it.
 */
export function pinOf(sums: Sums, name: ArtifactName): Digest | undefined {
  return sums.get(formatArtifactName(name));
}

/**
 * Demands that a project's sums file speaks of exactly one tool and version.
 * @throws UsageError `SUMS_INVALID` naming the entry that does not belong.
 */
export function verifySumsAre(sums: Sums, of: { tool: string; version: number }, path: string): void {
  for (const name of sums.keys()) {
    const parsed = artifactNameFrom(name);
    if (parsed?.tool === of.tool && parsed.version === of.version) continue;
    throw invalidSums(`${path}: ${name} does not belong to ${of.tool} version ${of.version}`);
  }
}

function invalidSums(message: string): UsageError {
  return new UsageError('SUMS_INVALID', message, {
    hint: 'a sums file holds one sha256sum line per target of the current version; "toolcrib publish" writes it',
  });
}
