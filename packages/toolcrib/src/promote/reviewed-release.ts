import { PolicyError } from '../core/errors.ts';
import { coverageOf } from '../core/sums-coverage.ts';
import { parseSums, type Sums } from '../core/sums.ts';
import type { Target } from '../core/target.ts';
import { parseVersionFile } from '../core/version.ts';
import { notApproved, shortCommit } from './demand.ts';

/** What a commit says of its release. */
export interface ReviewedRelease {
  readonly tool: string;
  readonly version: number;
  readonly targets: readonly Target[];
  /** Exactly the targets. */
  readonly sums: Sums;
}

/** Texts of files at the reviewed commit, and what stands in the project's own. */
export interface ReviewedFiles {
  readonly commit: string;
  /** Of this project. */
  readonly tool: string;
  /** Of the configuration at that commit. */
  readonly reviewedTool: string;
  readonly targets: readonly Target[];
  readonly version: { readonly path: string; readonly text: string | undefined };
  readonly sums: { readonly path: string; readonly text: string | undefined };
  /** Text of the version file on the base branch; undefined: there is none yet. */
  readonly baseVersion: string | undefined;
}

/**
 * Reads the release that was reviewed: version and pins of one commit.
 * @throws PolicyError `NOT_APPROVED`: `tool`, `sums`; `ROLLBACK` for a version below that of the base branch; UsageError
 * `VERSION_INVALID`, `SUMS_INVALID`.
 */
export function reviewedRelease(files: ReviewedFiles): ReviewedRelease {
  const { commit, tool, reviewedTool, targets } = files;
  const at = shortCommit(commit);
  if (tool !== reviewedTool) {
    const what = `toolcrib.json at ${at} is of ${reviewedTool}, this project is ${tool}`;
    throw notApproved('tool', what, 'promote in a checkout of the same project');
  }
  const version = parseVersionFile(files.version.text ?? '', `${files.version.path} at ${at}`);
  verifyNoRollback(files, version);
  const where = `${files.sums.path} at ${at}`;
  const sums = sumsOf(files.sums.text ?? '', where, { tool, version });
  const { isExact, wanted, named } = coverageOf(sums, { tool, version, targets });
  if (!isExact) {
    const what = `${where} has to pin ${wanted.join(', ')}; it pins ${named.length === 0 ? 'nothing' : named.join(', ')}`;
    throw notApproved('sums', what, COMMIT_SUMS);
  }
  return { tool, version, targets, sums };
}

const COMMIT_SUMS =
  'bring the sums that CI computed ("toolcrib fetch --run ID --sums"), commit them, and have that commit approved';

/** Pins of another version are pins that were not brought along. */
function sumsOf(text: string, where: string, of: { tool: string; version: number }): Sums {
  const any = parseSums(text, where);
  const belongs = [...any.keys()].every((name) => name.startsWith(`${of.tool}-`) && name.endsWith(`-v${of.version}`));
  if (belongs) return parseSums(text, where, of);
  throw notApproved(
    'sums',
    `${where} does not pin ${of.tool} v${of.version}: ${[...any.keys()].join(', ')}`,
    COMMIT_SUMS,
  );
}

function verifyNoRollback({ baseVersion, version: { path } }: ReviewedFiles, version: number): void {
  if (baseVersion === undefined) return;
  const base = parseVersionFile(baseVersion, `${path} on the base branch`);
  if (version >= base) return;
  throw new PolicyError('ROLLBACK', `the pull request is of v${version}, but the base branch is at v${base} already`, {
    hint: `versions only go up: set the version file to ${base + 1}, build, and have it approved`,
    details: { version, base },
  });
}
