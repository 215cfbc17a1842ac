import { NotFoundError } from '../core/errors.ts';
import { report, type Found, type Search } from './search.ts';

/** What the build tier needs of a search: it serves those for local builds, too. */
type Wanted = Pick<Search, 'request' | 'trail' | 'dryRun'> & { readonly name: string };

/** What would be run, for the trail of a search that ended before. */
export function buildPlaces({ builder }: Search['request']): readonly string[] {
  return builder?.kind === 'command' ? [builder.command] : [];
}

/**
 * The last tier: building it here, when the user wants that.
 * @throws NotFoundError `BUILD_DECLINED`; as `LocalBuilder.build`.
 */
export async function buildHere(wanted: Wanted): Promise<Found | undefined> {
  const { request, name, dryRun } = wanted;
  const { builder, clock } = request;
  if (builder === undefined) return undefined;
  if (builder.kind === 'none') {
    report(wanted, 'build', name, 'skipped', builder.reason);
    return undefined;
  }
  const { command } = builder;
  const unasked = dryRun ? 'nothing is built to find out' : builder.unasked;
  if (unasked !== undefined) {
    report(wanted, 'build', command, 'skipped', unasked);
    return undefined;
  }
  if (!(await builder.ask())) throw declined(wanted, command);
  const since = clock.elapsed();
  const { path, digest, size } = await builder.build();
  report(wanted, 'build', command, 'found', `it was built as ${digest}`, { size, since });
  return { tier: 'build', path, url: null, store: null };
}

function declined(wanted: Wanted, command: string): NotFoundError {
  report(wanted, 'build', command, 'refused', 'the user declined');
  return new NotFoundError('BUILD_DECLINED', `${wanted.name} was not found, and building it was declined`, {
    hint: `build it when you like: ${command}`,
    details: { name: wanted.name, command },
  });
}
