import { UsageError } from '../../core/errors.ts';
import { REVOCATIONS_OUTDATED } from '../exit-codes.ts';
import { collect, collectVersion, type Registration } from '../program-options.ts';

interface CreateOptions {
  readonly output: string;
  readonly version?: readonly number[];
  readonly target?: readonly string[];
  readonly trustedRoot?: string;
}

interface LoadOptions {
  readonly to?: string;
  readonly unverifiedAttestations?: boolean;
  readonly partial?: boolean;
}

export function registerBundle({ program, action }: Registration): void {
  const bundle = program.command('bundle').description('releases as files, to be carried over an air gap');
  bundle
    .command('create')
    .description('write a release with its attestations to one file, a tar of an OCI image layout')
    .requiredOption('-o, --output <file>', 'the file; one that is there is replaced')
    .option('--version <n>', 'a version (default: the current one)', collectVersion)
    .option('--target <target>', 'a target instead of all; may be given again', collect)
    .option('--trusted-root <file>', 'a Sigstore trusted root to take along (default: that of the policy)')
    .action(
      action(async (session, { output, version = [], target, trustedRoot }: CreateOptions) => {
        const { createBundle } = await import('../../flows/create-bundle.ts');
        const { describeCreatedBundle } = await import('../../report/bundle-text.ts');
        const [first, second] = version;
        if (second !== undefined) throw oneVersion();
        const created = await createBundle(await session.project(), session.host, {
          output,
          ...(first !== undefined && { version: first }),
          ...(target !== undefined && { targets: target }),
          ...(trustedRoot !== undefined && { trustedRoot }),
        });
        session.output.report(created, describeCreatedBundle(created));
        return 0;
      }),
    );
  bundle
    .command('load')
    .description('take a bundle over: into the cache, and into a store when the project vouches for it')
    .argument('<file>', 'the bundle')
    .option('--to <store>', 'a store that gets the release, too')
    .option('--partial', 'with --to: also a version that is not pinned and lacks targets of the project')
    .option('--unverified-attestations', 'with --to: also attestations and revocations that the policy cannot verify')
    .action(
      action(async (session, file: string, options: LoadOptions) => {
        const { loadBundle } = await import('../../flows/load-bundle.ts');
        const { describeLoadedBundle } = await import('../../report/bundle-text.ts');
        refuseWithoutStore(options);
        const loaded = await loadBundle(await session.project(), session.host, file, options);
        const isOutdated = loaded.store?.revocations.outcome === 'outdated';
        session.output.report(loaded, describeLoadedBundle(loaded), !isOutdated);
        return isOutdated ? REVOCATIONS_OUTDATED : 0;
      }),
    );
}

/** @throws UsageError `USAGE` for an option that means nothing without a store. */
function refuseWithoutStore({ to, unverifiedAttestations = false, partial = false }: LoadOptions): void {
  if (to !== undefined || !(unverifiedAttestations || partial)) return;
  const option = partial ? '--partial' : '--unverified-attestations';
  throw new UsageError('USAGE', `${option} says what may go into a store, and --to names none`, {
    hint: 'give --to STORE, or leave it out: the cache keeps what is in a bundle, and verifies it when it is used',
  });
}

function oneVersion(): UsageError {
  return new UsageError('USAGE', 'a bundle holds one version', { hint: 'make a bundle for each' });
}
