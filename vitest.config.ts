import { defineConfig } from 'vitest/config';

const packages = ['toolcrib', 'sandbox-tools'];
const lane = (name: string, folders: string[], test: object) => ({
  test: {
    name,
    include: packages.flatMap((p) => folders.map((folder) => `packages/${p}/test/${folder}/**/*.test.ts`)),
    ...test,
  },
});

/** The lanes of the test suite: `unit` needs nothing but Node; the others need what `scripts/setup` brings. */
export default defineConfig({
  test: {
    globalSetup: 'packages/toolcrib/test/unit/cli/bundle.ts',
    projects: [
      // Modules are loaded once a worker, not once a file: a quarter of the lane's time.
      lane('unit', ['unit', 'architecture'], { testTimeout: 120_000, isolate: false, maxWorkers: 4 }),
      lane('integration', ['integration', 'contract'], { testTimeout: 600_000, hookTimeout: 600_000, maxWorkers: 2 }),
      lane('e2e', ['e2e'], { testTimeout: 900_000, hookTimeout: 900_000, maxWorkers: 1 }),
    ],
  },
});
