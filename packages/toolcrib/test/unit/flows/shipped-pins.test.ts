import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { builtinPins, PLATFORM_PACKAGES } from '../../../src/config/builtin-pins.ts';
import { formatSums } from '../../../src/core/sums.ts';

const packaged = (path: string) => readFileSync(new URL(`../../../../${path}`, import.meta.url), 'utf8');

test('the pins inside the package are those of packages/sandbox-tools', () => {
  const { tool, version, sums } = builtinPins([]);
  expect(tool).toBe('sandbox-tools');
  expect(`${version}\n`).toBe(packaged('sandbox-tools/tool-version.txt'));
  expect(formatSums(sums)).toBe(packaged('sandbox-tools/SHA256SUMS'));
});

test('every target that ships is pinned, and has its platform package', () => {
  const { targets, sums, packages } = builtinPins([]);
  expect(sums.size).toBe(targets.length);
  expect(PLATFORM_PACKAGES).toHaveLength(targets.length);
  const manifest: unknown = JSON.parse(packaged('toolcrib/package.json'));
  expect(manifest).toMatchObject({
    optionalDependencies: Object.fromEntries(PLATFORM_PACKAGES.map((name) => [name, expect.any(String) as unknown])),
  });
  // The artifact of another version has another digest.
  const named = Object.values(packages ?? {}).map((name) => name.split('@'));
  expect(manifest).toMatchObject({ optionalDependencies: Object.fromEntries(named) as unknown });
  for (const [arch, cpu] of Object.entries({ amd64: 'x64', arm64: 'arm64' })) {
    expect(packages).toMatchObject({ [arch]: expect.stringMatching(`^sandbox-tools-linux-${cpu}@`) as string });
  }
});
