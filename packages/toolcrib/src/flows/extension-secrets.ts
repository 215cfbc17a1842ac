import { resolve } from 'node:path';
import { UsageError } from '../core/errors.ts';
import { quoted } from '../core/printable.ts';
import { readInputFile } from '../disk/input-path.ts';
import { findExtension, readDeclaredExtensions, type DeclaredExtension } from '../extensions/declared-extensions.ts';
import type { DescribedTool, SecretRequirement } from '../extensions/pack/describe.ts';
import { openPack } from '../extensions/pack/read-pack.ts';
import { MAX_AGENTS_BYTES, parseAgents } from '../extensions/secrets/parse-agents.ts';
import { toolSecrets } from '../extensions/secrets/tool-secrets.ts';
import { usedTools } from '../extensions/secrets/used-tools.ts';
import type { Host } from './host.ts';
import { openExtensionPacks, packDirectoryOf, type ExtensionPacks } from './open-extensions.ts';
import type { Project } from './project.ts';

export interface ExtensionSecretsOptions {
  /** Files that define agents, JSON or YAML. */
  readonly agents: readonly string[];
  /** The directory with `pack.extensions.json`, relative to the host's working directory. Default: that. */
  readonly pack?: string | undefined;
  /** True: there has to be a lock. Default: a lock counts where there is one. */
  readonly frozen?: boolean | undefined;
}

/** What the tools of one extension need. */
export interface ExtensionSecrets {
  readonly extension: string;
  /** Names of the tools in use that it describes, sorted. */
  readonly tools: readonly string[];
  readonly secrets: readonly SecretRequirement[];
}

/**
 * What the tools that agents use need to be told, by extension, sorted by id: docs/guides/extension-packs.md.
 * @throws UsageError `CONFIG_INVALID`, `USAGE`; NotFoundError `NOT_FOUND` for an extension that is not declared, and for a
 * pack that describes nothing; what acquiring a pack throws; the signal's reason.
 */
export async function listExtensionSecrets(
  project: Project,
  host: Host,
  { agents, pack, frozen = false }: ExtensionSecretsOptions,
): Promise<readonly ExtensionSecrets[]> {
  if (agents.length === 0) throw noAgents();
  const documents = await Promise.all(agents.map((file) => readAgents(host, file)));
  const { byExtension, warnings } = usedTools(documents);
  for (const text of warnings) host.reporter.notice({ kind: 'warning', text });
  if (byExtension.size === 0) return [];
  const declared = await readDeclaredExtensions(packDirectoryOf(host, pack), { frozen });
  const extensions = [...byExtension].map(([id, tools]) => ({ extension: findExtension(declared, id), tools }));
  const packs = openExtensionPacks(project, host);
  try {
    const found: ExtensionSecrets[] = [];
    for (const { extension, tools } of extensions) {
      const { id } = extension.dependency;
      const { warnings: unknown, ...needs } = toolSecrets(id, await describedTools(packs, extension, host), tools);
      for (const text of unknown) host.reporter.notice({ kind: 'warning', text });
      found.push({ extension: id, ...needs });
    }
    return found;
  } finally {
    await packs.close();
  }
}

async function readAgents({ cwd }: Host, file: string): Promise<{ readonly where: string; readonly content: unknown }> {
  const bytes = await readInputFile(resolve(cwd, file), MAX_AGENTS_BYTES);
  return { where: file, content: await parseAgents(bytes, file) };
}

async function describedTools(
  packs: ExtensionPacks,
  extension: DeclaredExtension,
  { signal }: Host,
): Promise<readonly DescribedTool[]> {
  const { id: extensionId } = extension.dependency;
  const { bytes } = await packs.acquire({ ...extension, pin: extension.lock?.digest });
  const pack = await openPack(bytes, { extensionId, signal });
  return await pack.readTools();
}

function noAgents(): UsageError {
  return new UsageError('USAGE', `no agents are named: ${quoted('ext secrets')} needs the files that define them`, {
    hint: 'e.g. toolcrib ext secrets agents.yaml',
  });
}
