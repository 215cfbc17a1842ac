import { artifactNameFrom, isToolName } from './artifact-name.ts';

/** Name of the sums as stored beside the artifacts; also the claim on the version. */
export function storedSumsName(tool: string, version: number): string {
  return `${tool}-v${version}.SHA256SUMS`;
}

export function releaseManifestName(tool: string, version: number): string {
  return `${tool}-v${version}.json`;
}

/** Name of the signed list of revoked releases: formats.md 7. Belongs to no version. */
export function revocationListName(tool: string): string {
  return `${tool}.revoked.json`;
}

/** True for the name that {@link revocationListName} gives the list of any tool. */
export function isRevocationListName(fileName: string): boolean {
  return fileName.endsWith('.revoked.json');
}

/** What the name of an attestation ends with, after the name of its artifact: formats.md 4. */
export const ATTESTATION_SUFFIXES = ['.sigstore.json', '.dsse.json'] as const;

/** The artifact that an attestation is of, by its name; undefined for another file. */
export function attestedName(fileName: string): string | undefined {
  const suffix = ATTESTATION_SUFFIXES.find((each) => fileName.endsWith(each));
  return suffix === undefined ? undefined : fileName.slice(0, -suffix.length);
}

/** The release that a file of a store belongs to, by its name; undefined for a foreign file. */
export function releaseOf(fileName: string): { tool: string; version: number } | undefined {
  const artifact = artifactNameFrom(attestedName(fileName) ?? fileName);
  if (artifact !== undefined && !artifact.dev) return { tool: artifact.tool, version: artifact.version };
  const match = /^(?<tool>.+)-v(?<version>[1-9][0-9]*)\.(?:json|SHA256SUMS)$/.exec(fileName);
  const tool = match?.groups?.['tool'];
  const version = Number(match?.groups?.['version']);
  return tool !== undefined && isToolName(tool) && Number.isSafeInteger(version) ? { tool, version } : undefined;
}
