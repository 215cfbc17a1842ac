import type { Digest } from '../core/digest.ts';
import type { WebAssemblyKind } from '../core/webassembly.ts';
import { formatSize } from './size.ts';

/** A pack as far as it is told. */
interface PackFacts {
  readonly path: string;
  readonly size: number;
  readonly digest: Digest;
  readonly id: string;
  readonly component: { readonly asset: string; readonly digest: Digest; readonly kind: WebAssemblyKind };
  readonly tools: readonly string[] | null;
}

const KINDS: Readonly<Record<WebAssemblyKind, string>> = {
  component: 'a WebAssembly component',
  module: 'a core WebAssembly module',
  none: 'no WebAssembly',
};

/** What was packed. */
export function describePack({ path, size, digest, id, component, tools }: PackFacts): string {
  return `${[
    path,
    `  extension  ${id}`,
    `  pack       ${digest}, ${formatSize(size)}`,
    `  component  ${component.digest}`,
    `             ${component.asset}, ${KINDS[component.kind]}`,
    tools === null
      ? '  tools      not described: there is no describe.json'
      : `  tools      ${tools.join(', ') || 'none'}`,
  ].join('\n')}\n`;
}
