import type { ProjectConfig, ToolPins } from '../config/config.ts';
import type { StoreReference } from '../core/reference.ts';
import type { Probe } from '../doctor/examine.ts';
import { finding, type Finding } from '../doctor/finding.ts';
import { immutabilityFindings } from '../doctor/immutability-findings.ts';
import { examineStore } from '../doctor/store-findings.ts';
import type { WriteInspector } from '../stores/write-probe.ts';
import type { Host } from './host.ts';
import type { InstalledProject } from './install-state.ts';
import { githubServerOf, githubToken, openStore, transferOptions } from './open-store.ts';

/** What stores are looked at with. */
export interface StoreProbeContext {
  readonly host: Host;
  /** Undefined without one, or when it is wrong. */
  readonly config: ProjectConfig | undefined;
  readonly installed: () => Promise<InstalledProject>;
  readonly writeProbe: boolean;
}

/** One for each configured store. */
export function storeProbes(context: StoreProbeContext): readonly Probe[] {
  const stores = context.config?.stores ?? [];
  if (stores.length === 0) return [withoutStores()];
  return stores.flatMap((reference): readonly Probe[] => [
    {
      ...{ group: 'stores', subject: reference.url, failsAs: 'failed' },
      look: (signal) => lookAt(reference, context, signal),
    },
    ...(reference.kind === 'github' && !context.host.offline ? [immutability(reference, context)] : []),
  ]);
}

/** That it cannot be asked is no failure: it takes the API, which files that are public do not need. */
function immutability(
  reference: Extract<StoreReference, { kind: 'github' }>,
  { host, config }: StoreProbeContext,
): Probe {
  const { url: subject, endpoint } = reference;
  return {
    ...{ group: 'stores', subject, failsAs: 'note' },
    look: async (signal) => {
      const { findNewestRelease } = await import('../stores/github/newest-release.ts');
      // As in `openStore`: the token is shown to the server that the environment names, and to no other.
      const token = endpoint === githubServerOf(host.env) ? githubToken(host.env) : undefined;
      const options = { token, transfer: await transferOptions(host), signal };
      return immutabilityFindings(subject, await findNewestRelease(reference, config?.tool ?? '', options));
    },
  };
}

function withoutStores(): Probe {
  const common = { group: 'stores', subject: 'stores' } as const;
  const text = 'none is configured';
  return { ...common, failsAs: 'note', look: () => Promise.resolve([finding({ ...common, state: 'note', text })]) };
}

async function lookAt(
  reference: StoreReference,
  { host, config, installed, writeProbe }: StoreProbeContext,
  signal: AbortSignal,
): Promise<readonly Finding[]> {
  const { url: subject } = reference;
  if (host.offline && reference.kind !== 'directory') {
    return [finding({ group: 'stores', subject, state: 'note', text: 'it was not looked at: offline' })];
  }
  // Without pins the store can still be asked, for a release that it need not have.
  const pins: Pick<ToolPins, 'tool'> & Partial<ToolPins> = await installed().then(
    (one) => one.pins,
    () => ({ tool: config?.tool ?? 'tool' }),
  );
  const store = await openStore(host, reference, pins.rewrite ?? []);
  const inspector = await openInspector(host, reference);
  try {
    const probeSuffix = writeProbe ? Buffer.from(host.random(8)).toString('hex') : undefined;
    const { tool, version } = pins;
    return await examineStore({ store, inspector, tool, version, probeSuffix, signal });
  } finally {
    await Promise.all([store.close(), inspector?.close()]);
  }
}

async function openInspector(host: Host, reference: StoreReference): Promise<WriteInspector | undefined> {
  switch (reference.kind) {
    case 'directory': {
      const { inspectDirectoryWrites } = await import('../stores/directory/write-inspector.ts');
      return inspectDirectoryWrites(reference, host.cwd);
    }
    case 's3': {
      const { inspectBucketWrites } = await import('../stores/s3/write-inspector.ts');
      return inspectBucketWrites(reference, await transferOptions(host));
    }
    default:
      return undefined;
  }
}
