import { formatSize } from './size.ts';
import { formatTable } from './table.ts';

/** What a person is told about fetched artifacts. */
export interface FetchedFacts {
  readonly tool: string;
  readonly version: number;
  readonly binaries: string;
  readonly artifacts: readonly {
    readonly name: string;
    readonly size: number;
    readonly tier: string;
    readonly url: string | null;
  }[];
}

/** The text of `fetch`: each artifact and where it came from. */
export function describeFetched({ tool, version, binaries, artifacts }: FetchedFacts): string {
  const rows = artifacts.map(({ name, size, tier, url }) => [
    name,
    formatSize(size),
    tier === 'bundled' ? 'was there' : (url ?? tier),
  ]);
  const table = formatTable([{ title: 'ARTIFACT' }, { title: 'SIZE' }, { title: 'FROM' }], rows);
  return `${table}${binaries} holds ${tool} v${version}, verified against its pins.\n`;
}
