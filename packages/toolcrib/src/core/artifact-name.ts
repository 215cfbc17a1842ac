import { UsageError } from './errors.ts';
import { ARCHES, formatTarget, targetFrom, type Target } from './target.ts';
import { isVersion } from './version.ts';

/** The parts of `{tool}-{arch}[-{libc}]-v{version}[-dev]`: formats.md 1. */
export interface ArtifactName {
  readonly tool: string;
  readonly target: Target;
  readonly version: number;
  /** A local build: never published, never fetched. */
  readonly dev: boolean;
}

const TOOL = /^[a-z0-9]+(?:-[a-z0-9]+)*$/;
const TAIL = /^(?<stem>.+)-v(?<version>[1-9][0-9]*)(?<dev>-dev)?$/;

/** Tool names are lower-case words joined by single dashes. */
export function isToolName(text: string): boolean {
  return text.length <= 100 && TOOL.test(text);
}

export function formatArtifactName(name: ArtifactName): string {
  return `${name.tool}-${formatTarget(name.target)}-v${name.version}${name.dev ? '-dev' : ''}`;
}

/** Undefined when the text is not an artifact's name. Read from the right, so that a tool may be called `x-amd64`. */
export function artifactNameFrom(text: string): ArtifactName | undefined {
  const parts = TAIL.exec(text)?.groups;
  const stem = parts?.['stem'];
  const version = Number(parts?.['version']);
  if (stem === undefined || !isVersion(version)) return undefined;
  const cut = Math.max(...ARCHES.map((arch) => stem.lastIndexOf(`-${arch}`)));
  if (cut < 0) return undefined;
  const tool = stem.slice(0, cut);
  const target = targetFrom(stem.slice(cut + 1));
  if (target === undefined || !isToolName(tool)) return undefined;
  return { tool, target, version, dev: parts?.['dev'] !== undefined };
}

/** @throws UsageError `NAME_INVALID` quoting the text and the shape of a name. */
export function parseArtifactName(text: string): ArtifactName {
  const name = artifactNameFrom(text);
  if (name !== undefined) return name;
  throw new UsageError('NAME_INVALID', `not an artifact name: ${JSON.stringify(text)}`, {
    hint: 'a name is {tool}-{arch}[-{libc}]-v{version}[-dev], e.g. sandbox-tools-amd64-any-v2',
  });
}
