import { printable } from '../core/printable.ts';
import { shownReference } from '../core/shown-reference.ts';
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

/** A lock, written or up to date. */
interface LockReport {
  readonly file: string;
  readonly extensions: readonly LockFacts[];
  readonly changed: boolean;
  /** Digests that were others before. */
  readonly moved: readonly { readonly id: string; readonly from: string }[];
  /** False when nobody was asked who would have to be. */
  readonly asked: boolean;
}

/** An extension that was declared. */
interface AddReport {
  readonly declared: { readonly id: string; readonly reference: string };
  readonly locked: LockFacts;
  readonly replaced: string | null;
}

/** The same without what a reference must not show: what follows is to be printed. */
export function shownLock<Report extends LockReport>(report: Report): Report {
  return { ...report, extensions: report.extensions.map(shownFacts) };
}

/** The same of an extension that was declared. */
export function shownAdded<Report extends AddReport>(report: Report): Report {
  const { declared, locked, replaced } = report;
  return {
    ...report,
    declared: { ...declared, reference: shownReference(declared.reference) },
    locked: shownFacts(locked),
    replaced: replaced === null ? null : shownReference(replaced),
  };
}

function shownFacts<Facts extends LockFacts>(facts: Facts): Facts {
  const { sourceRef, resolvedRef } = facts;
  return { ...facts, sourceRef: shownReference(sourceRef), resolvedRef: shownReference(resolvedRef) };
}

/** What became of a lock. */
export function describeLock(lock: LockReport): string {
  const { file, extensions, changed, moved, asked } = lock;
  const state = changed ? 'written' : 'up to date';
  const told = extensions.flatMap((facts) => {
    const before = moved.find(({ id }) => id === facts.id);
    return [...linesOf(facts), ...(before === undefined ? [] : [`  before       ${before.from}`])];
  });
  return textOf([`${file}: ${state}${asked ? '' : '; offline: no store, server or registry was asked'}`, ...told]);
}

/** What was declared. */
export function describeAdded({ declared, locked, replaced }: AddReport): string {
  const isSaid = replaced === null || replaced === declared.reference;
  return textOf([...linesOf(locked), ...(isSaid ? [] : [`  in place of  ${shownReference(replaced)}`])]);
}

/** Ids and references are whatever a file says: none makes a line of its own. */
function textOf(lines: readonly string[]): string {
  return `${lines.map(printable).join('\n')}\n`;
}

function linesOf(facts: LockFacts): readonly string[] {
  const { id, sourceRef, resolvedRef, digest, size } = shownFacts(facts);
  const resolved = resolvedRef === sourceRef ? [] : [`  resolved     ${resolvedRef}`];
  const pack = size === undefined ? digest : `${digest}, ${formatSize(size)}`;
  return [id, `  source       ${sourceRef}`, ...resolved, `  locked       ${pack}`];
}
