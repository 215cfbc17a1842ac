import {
  describeCopy,
  describeListOutcome,
  describeTrust,
  type CopiedReleaseFacts,
  type MirrorFacts,
} from './mirror-text.ts';
import { formatSize } from './size.ts';

/** What a person is told about a bundle that was made. */
export interface CreatedBundleFacts extends Pick<CopiedReleaseFacts, 'anchor' | 'artifacts'> {
  readonly tool: string;
  readonly version: number;
  readonly path: string;
  readonly digest: string;
  /** In bytes. */
  readonly size: number;
  readonly files: readonly string[];
  readonly complete: boolean;
  readonly trustedRootDigest: string | null;
}

/** The text of `bundle create`. */
export function describeCreatedBundle(facts: CreatedBundleFacts): string {
  const { tool, version, path, digest, size, files, complete, trustedRootDigest } = facts;
  const lines = [`${path}: ${tool} v${version}, ${formatSize(size)}`, `  ${digest}`];
  const root =
    trustedRootDigest === null
      ? []
      : [`Its trusted root counts where toolcrib.json has "trustedRootDigest": "${trustedRootDigest}".`];
  const part = complete ? [] : ['It holds some targets only: it can go into caches, but not into a store.'];
  const content = ['It holds:', ...files.map((name) => `  ${name}`), ...part, ...root];
  return `${lines.join('\n')}\n${describeTrust(facts)}${content.join('\n')}\n`;
}

/** What a person is told about a bundle that was loaded. */
export interface LoadedBundleFacts {
  readonly path: string;
  readonly tool: string;
  readonly version: number;
  readonly anchor: CopiedReleaseFacts['anchor'];
  readonly artifacts: CopiedReleaseFacts['artifacts'];
  readonly attestations: readonly { readonly name: string; readonly outcome: string }[];
  readonly trustedRoot: 'kept' | 'ignored' | 'none';
  readonly store:
    | (Omit<CopiedReleaseFacts, 'version' | 'anchor' | 'artifacts'> & {
        readonly store: string;
        readonly revocations: MirrorFacts['revocations'];
      })
    | null;
}

/** The text of `bundle load`. */
export function describeLoadedBundle(facts: LoadedBundleFacts): string {
  const { path, tool, version, anchor, artifacts, attestations, trustedRoot, store } = facts;
  const lines = [
    `${path}: ${tool} v${version}, ${artifacts.length === 1 ? '1 artifact is' : `${artifacts.length} artifacts are`} in the cache now`,
    ...attestations.map(
      ({ name, outcome }) => `  ${name}: ${outcome === 'kept' ? 'the cache has another one, which stays' : outcome}`,
    ),
    ...(trustedRoot === 'kept' ? ['  its trusted root is the configured one'] : []),
    ...(anchor === 'none'
      ? ['No anchor: nobody vouches for these bytes. They are used only where a sums file pins them.']
      : []),
  ];
  const published = store === null ? '' : describeCopy(tool, store.store, { ...store, version, anchor, artifacts });
  const trust = store === null ? describeTrust(facts) : '';
  const list = store === null ? [] : describeListOutcome(store.revocations, store.store);
  return `${lines.join('\n')}\n${trust}${published}${list.join('')}`;
}
