import { join } from 'node:path';
import { examineArtifact } from '../build/examine-artifact.ts';
import type { ProjectConfig } from '../config/config.ts';
import { anchorStore } from '../config/read-config.ts';
import { readVersion } from '../config/read-pins.ts';
import { formatArtifactName, type ArtifactName } from '../core/artifact-name.ts';
import { UsageError } from '../core/errors.ts';
import { parseStoreReference, type StoreReference } from '../core/reference.ts';
import { publishRelease as publishToStore, type PublishReport } from '../publish/publish-release.ts';
import { sumsOfArtifacts, type ReleaseArtifact } from '../publish/release-artifacts.ts';
import { writeSumsFile } from '../publish/sums-file.ts';
import type { Host } from './host.ts';
import { collectStores } from './open-store.ts';
import { configOf, type Project } from './project.ts';
import { readSource } from './read-source.ts';

export interface PublishOptions {
  /** Stores instead of the configured ones. */
  readonly to?: readonly string[];
  /** True: show what would be done, through the same code. */
  readonly dryRun?: boolean;
}

/** What became of a release in each store. */
export interface Publication {
  readonly tool: string;
  readonly version: number;
  readonly dryRun: boolean;
  /** Absolute path of the file that pins the release. */
  readonly sumsFile: string;
  readonly stores: readonly PublishReport[];
}

/**
 * Publishes what lies in the binaries folder to each store, one after the other, and writes the sums file.
 * @throws what `publish/publish-release.ts` says; UsageError `USAGE` without a configuration or a store;
 * NotFoundError `NOT_FOUND` for an artifact that was not built.
 */
export async function publishRelease(project: Project, host: Host, options: PublishOptions = {}): Promise<Publication> {
  const config = configOf(project, 'publish');
  const { dryRun = false } = options;
  const references = storesOf(config, host, options.to ?? []);
  const { tool, targets, sumsFile } = config;
  const subject = { tool, version: await readVersion(config), targets };
  const artifacts = await artifactsOf(config, subject.version, host);
  const source = await readSource(config, host);
  const stores = collectStores(host, config.rewrite);
  const reports: PublishReport[] = [];
  try {
    for (const reference of references) {
      const store = await stores.open(reference);
      const { reporter, signal } = host;
      reports.push(await publishToStore({ ...subject, artifacts, source, store, dryRun, reporter, signal }));
    }
  } finally {
    await stores.close();
  }
  if (!dryRun) await writeSumsFile(sumsFile, sumsOfArtifacts(artifacts), subject, { signal: host.signal });
  return { tool, version: subject.version, dryRun, sumsFile, stores: reports };
}

function storesOf(config: ProjectConfig, host: Host, to: readonly string[]): readonly StoreReference[] {
  const stores = to.length === 0 ? config.stores : to.map((text) => anchorStore(parseStoreReference(text), host.cwd));
  if (stores.length > 0) return stores;
  throw new UsageError('USAGE', 'there is no store to publish to', {
    hint: 'name one with --to, or list it in "stores" in toolcrib.json',
  });
}

async function artifactsOf(config: ProjectConfig, version: number, host: Host): Promise<readonly ReleaseArtifact[]> {
  const artifacts: ReleaseArtifact[] = [];
  for (const target of config.targets) {
    const name: ArtifactName = { tool: config.tool, version, target, dev: false };
    const path = join(config.binaries, formatArtifactName(name));
    artifacts.push(await examineArtifact(path, name, config.entrypoint, host.signal));
  }
  return artifacts;
}
