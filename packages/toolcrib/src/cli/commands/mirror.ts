import { REVOCATIONS_OUTDATED } from '../exit-codes.ts';
import { collectVersion, type Registration } from '../program-options.ts';

interface MirrorCommandOptions {
  readonly version?: readonly number[];
  readonly all?: boolean;
  readonly unverifiedAttestations?: boolean;
  readonly partial?: boolean;
}

export function registerMirror({ program, action }: Registration): void {
  program
    .command('mirror')
    .description('copy complete releases with their attestations into another store, verified on the way')
    .argument('<from>', 'the store that has them')
    .argument('<to>', 'the store that gets them')
    .option('--version <n>', 'a version; may be given again (default: the current one)', collectVersion)
    .option('--all', 'every complete version, in ascending order')
    .option('--partial', 'copy also a version that is not pinned and lacks targets of the project')
    .option('--unverified-attestations', 'copy also attestations and revocations that the policy cannot verify')
    .action(
      action(async (session, from: string, to: string, given: MirrorCommandOptions) => {
        const { version = [], all = false, unverifiedAttestations = false, partial = false } = given;
        const { mirrorReleases } = await import('../../flows/mirror-release.ts');
        const { describeMirroring } = await import('../../report/mirror-text.ts');
        const options = { versions: version, all, unverifiedAttestations, partial };
        const mirroring = await mirrorReleases(await session.project(), session.host, from, to, options);
        const isOutdated = mirroring.revocations.outcome === 'outdated';
        session.output.report(mirroring, describeMirroring(mirroring), !isOutdated);
        return isOutdated ? REVOCATIONS_OUTDATED : 0;
      }),
    );
}
