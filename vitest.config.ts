import { defineConfig } from 'vitest/config';

const packages = ['toolcrib', 'sandbox-tools'];
const lane = (name: string, folders: string[], test: object) => ({
  test: {
    name,
    include: packages.flatMap((p) => folders.map((folder) => `packages/${p}/test/${folder}/**/*.test.ts`)),
    ...test,
  },
});

const patience = (milliseconds: number) => ({ testTimeout: milliseconds, hookTimeout: milliseconds });
/** For tests that start the command line. */
const withCommand = { globalSetup: 'packages/toolcrib/test/integration/cli/bundle.ts' };

/** The lanes of the test suite: `unit` needs nothing but Node; the others need what `scripts/setup` brings. */
export default defineConfig({
  test: {
    projects: [
      // Modules are loaded once a worker, not once a file: a quarter of the lane's time.
      lane('unit', ['unit', 'architecture'], { testTimeout: 120_000, isolate: false, maxWorkers: 4 }),
      lane('integration', ['integration', 'contract'], { ...patience(600_000), ...withCommand, maxWorkers: 2 }),
      lane('e2e', ['e2e'], { ...patience(900_000), ...withCommand, maxWorkers: 1 }),
    ],
  },
});
