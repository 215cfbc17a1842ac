import type { Digest } from '../core/digest.ts';
import { printable } from '../core/printable.ts';
import type { WebAssemblyKind } from '../core/webassembly.ts';
import { formatSize } from './size.ts';

/** A pack as far as it is told. */
interface PackFacts {
  readonly path: string;
  readonly size: number;
  readonly digest: Digest;
  readonly id: string;
  readonly component: { readonly asset: string; readonly digest: Digest; readonly kind: WebAssemblyKind };
  readonly entries: readonly { readonly name: string; readonly size: number }[];
  readonly tools: readonly string[] | null;
}

const KINDS: Readonly<Record<WebAssemblyKind, string>> = {
  component: 'a WebAssembly component',
  module: 'a core WebAssembly module',
  none: 'no WebAssembly',
};

/** What was packed. */
export function describePack({ path, size, digest, id, component, entries, tools }: PackFacts): string {
  const files = entries.map((entry) => `${entry.name}, ${formatSize(entry.size)}`);
  return textOf([
    path,
    `  extension  ${id}`,
    `  pack       ${digest}, ${formatSize(size)}`,
    `  component  ${component.digest}`,
    `             ${component.asset}, ${KINDS[component.kind]}`,
    tools === null
      ? '  tools      not described: there is no describe.json'
      : `  tools      ${tools.join(', ') || 'none'}`,
    ...files.map((file, index) => `  ${index === 0 ? 'files' : '     '}      ${file}`),
  ]);
}

/** Names and ids are whatever a file says: none makes a line of its own. */
function textOf(lines: readonly string[]): string {
  return `${lines.map(printable).join('\n')}\n`;
}

const OUTCOMES = { created: 'published', exists: 'was there', failed: 'failed   ' } as const;

/** A publication as far as it is told. */
interface PublicationFacts {
  readonly name: string;
  readonly version: string;
  readonly digest: Digest;
  readonly stores: readonly {
    readonly outcome: 'created' | 'exists' | 'failed';
    readonly where: string;
    readonly source: string | null;
    readonly failure: { readonly message: string } | null;
  }[];
}

/**
 * What was published, and what depends on it has to say. Why the first store failed is the error that the command ends
 * with: it is not told twice.
 */
export function describePackPublication({ name, version, digest, stores }: PublicationFacts): string {
  const first = stores.find(({ failure }) => failure !== null);
  const told = stores.flatMap((store) => {
    const { outcome, where, source, failure } = store;
    const why = failure === null || store === first ? '' : `: ${failure.message}`;
    return [`  ${OUTCOMES[outcome]}  ${where}${why}`, ...(source === null ? [] : [`  source     ${source}`])];
  });
  return textOf([`${name}@${version} ${digest}`, ...told]);
}
