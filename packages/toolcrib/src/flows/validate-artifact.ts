import { join } from 'node:path';
import { withScratch } from '../build/scratch.ts';
import { examineArtifact } from '../build/examine-artifact.ts';
import { NO_ATTESTATION_POLICY } from '../config/attestation-policy.ts';
import { pinsOf, readVersion } from '../config/read-pins.ts';
import { formatArtifactName } from '../core/artifact-name.ts';
import { hasCode, UsageError } from '../core/errors.ts';
import { formatTarget, isSameTarget, parseTarget } from '../core/target.ts';
import { ensureDirectory } from '../disk/write-file.ts';
import type { Host } from './host.ts';
import { injectTool } from './inject-tool.ts';
import { configOf, type Project } from './project.ts';

/** What came of running a freshly built artifact. */
export interface Validation {
  readonly name: string;
  /** False when this machine cannot run that target. */
  readonly ran: boolean;
  /** Why not; null when it ran. */
  readonly reason: string | null;
}

/**
 * Proves that an artifact runs: examines it, places it in an empty folder as it would be placed in a sandbox, and has it
 * answer its health check with the right version. It need not be pinned or attested yet.
 * @param options.target in its written form.
 * @throws UsageError `TARGET_INVALID`; NotFoundError `NOT_FOUND` when it was not built; what `inject/inject-tool.ts` says.
 */
export async function validateArtifact(
  project: Project,
  host: Host,
  options: { readonly target: string },
): Promise<Validation> {
  const config = configOf(project, 'ci validate');
  const target = parseTarget(options.target);
  if (!config.targets.some((each) => isSameTarget(each, target))) {
    throw new UsageError('TARGET_INVALID', `${config.file} has no target ${formatTarget(target)}`, {
      hint: `its targets are ${config.targets.map(formatTarget).join(', ')}`,
    });
  }
  const version = await readVersion(config);
  const artifact = { tool: config.tool, version, target, dev: false };
  const path = join(config.binaries, formatArtifactName(artifact));
  const { name, digest } = await examineArtifact(path, artifact, config.entrypoint, host.signal);
  // Attestations come with the publication, later and in another job: what was just built here has none.
  const built = { ...config, targets: [target], stores: [], attestation: NO_ATTESTATION_POLICY };
  const pins = pinsOf(built, version, new Map([[name, digest]]));
  const validated: Project = { config, readPins: () => Promise.resolve(pins) };
  return await withScratch(config.binaries, async (scratch) => {
    const sandbox = join(scratch, 'sandbox');
    await ensureDirectory(sandbox);
    const elsewhere = { ...host, cacheDirectory: join(scratch, 'cache'), ledgerDirectory: join(scratch, 'ledger') };
    return await run(validated, elsewhere, sandbox, name);
  });
}

async function run(project: Project, host: Host, sandbox: string, name: string): Promise<Validation> {
  try {
    await injectTool(project, host, { sandbox: `local:${sandbox}` });
    return { name, ran: true, reason: null };
  } catch (error) {
    // Another architecture or C library is no fault of the artifact: it was examined all the same.
    if (hasCode(error, 'NO_TARGET_FITS')) return { name, ran: false, reason: error.message };
    throw error;
  }
}
