import { resolve } from 'node:path';
import { UsageError } from '../core/errors.ts';
import { verifyOutputFile } from '../disk/output-file.ts';
import { writeFileAtomically } from '../disk/write-file.ts';
import { renderArchivePage } from '../report/html/archive-page.ts';
import { capabilityDiff } from '../run/diff/capability-diff.ts';
import { acceptArchive, sideOf } from './compare-archives.ts';
import type { Host } from './host.ts';
import { readArchive, readArchiveAccount, type ArchiveInspection, type ReadArchiveOptions } from './read-archive.ts';

export interface ReportArchiveRequest extends ReadArchiveOptions {
  /** The archive that is reported. */
  readonly file: string;
  /** Another archive, that this one is compared with. */
  readonly base?: string | undefined;
  /** Where the page goes; a file that stands there is replaced, and nothing else is. */
  readonly output: string;
}

/** A report that was written. */
export interface ArchiveReport {
  /** Absolute path of the page. */
  readonly path: string;
  /** In bytes. */
  readonly size: number;
  readonly findings: ArchiveInspection['findings'];
}

const PAGE_LIMITS = { groups: 60, items: 2000 };

/**
 * Writes one self-contained HTML page about an archive. One that does not verify gets a page that says so.
 * @throws CheckError `ARCHIVE_REFUSED` when the other one does not verify; UsageError `USAGE` when the page would take the
 * place of an archive, or of what is no file; RemoteError `STORAGE`; as `readArchive`.
 */
export async function reportArchive(host: Host, request: ReportArchiveRequest): Promise<ArchiveReport> {
  const path = resolve(host.cwd, request.output);
  verifyIsNoArchive(host, path, request);
  await verifyOutputFile(path);
  const { inspection, account } = await readArchiveAccount(host, request.file, { ...request, limits: PAGE_LIMITS });
  const diff = await differenceTo(host, inspection, request);
  const page = renderArchivePage({ file: request.file, facts: inspection, account, ...(diff && { diff }) });
  const bytes = Buffer.from(page);
  await writeFileAtomically(path, bytes, { durable: false, signal: host.signal });
  return { path, size: bytes.byteLength, findings: inspection.findings };
}

function verifyIsNoArchive(host: Host, path: string, { file, base = file }: ReportArchiveRequest): void {
  if (![file, base].some((archive) => resolve(host.cwd, archive) === path)) return;
  throw new UsageError('USAGE', `the report would take the place of the archive ${path}`, {
    hint: 'name another file after -o, e.g. report.html',
    details: { path },
  });
}

/** Nothing is compared with what is refused: the page says so. */
async function differenceTo(host: Host, inspection: ArchiveInspection, { base, key }: ReportArchiveRequest) {
  if (base === undefined) return undefined;
  const before = acceptArchive(base, await readArchive(host, base, { key }));
  return inspection.findings.length > 0 ? undefined : capabilityDiff(sideOf(before), sideOf(inspection));
}
