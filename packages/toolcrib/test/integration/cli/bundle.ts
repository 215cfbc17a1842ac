import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { bundleCommand } from '../../../../../scripts/bundle-command.mjs';

const REPOSITORY = fileURLToPath(new URL('../../../../..', import.meta.url));

/**
 * Bundles the command line once before all tests, as the package has it: started from its source it costs a quarter of a
 * second each time, and tests start it hundreds of times.
 */
export default async function setup(): Promise<() => Promise<void>> {
  const home = join(REPOSITORY, '.build', `command-${process.pid}`);
  await bundleCommand(join(home, 'dist'));
  process.env['TOOLCRIB_TEST_COMMAND'] = join(home, 'dist/cli.cjs');
  return () => rm(home, { recursive: true, force: true, maxRetries: 3 });
}
