import { formatSize } from './size.ts';

/** What is locked of an extension, as far as it is told. */
interface LockFacts {
  readonly id: string;
  readonly sourceRef: string;
  readonly resolvedRef: string;
  readonly digest: string;
  /** Of the pack, in bytes. */
  readonly size: number | undefined;
}

/** What became of a lock. */
export function describeLock(lock: {
  readonly file: string;
  readonly extensions: readonly LockFacts[];
  readonly changed: boolean;
}): string {
  const { file, extensions, changed } = lock;
  return `${[`${file}: ${changed ? 'written' : 'up to date'}`, ...extensions.flatMap(linesOf)].join('\n')}\n`;
}

/** An extension that was declared. */
export function describeAdded(added: {
  readonly declared: { readonly id: string; readonly reference: string };
  readonly locked: LockFacts;
  readonly replaced: string | null;
}): string {
  const { declared, locked, replaced } = added;
  const said = replaced === null || replaced === declared.reference ? [] : [`  in place of  ${replaced}`];
  return `${[...linesOf(locked), ...said].join('\n')}\n`;
}

function linesOf({ id, sourceRef, resolvedRef, digest, size }: LockFacts): readonly string[] {
  const resolved = resolvedRef === sourceRef ? [] : [`  resolved     ${resolvedRef}`];
  const pack = size === undefined ? digest : `${digest}, ${formatSize(size)}`;
  return [id, `  source       ${sourceRef}`, ...resolved, `  locked       ${pack}`];
}
