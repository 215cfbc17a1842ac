import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import * as z from 'zod/mini';

const lockSchema = z.object({
  packages: z.record(
    z.string(),
    z.object({ link: z.optional(z.boolean()), integrity: z.optional(z.string()), resolved: z.optional(z.string()) }),
  ),
});

describe('package-lock.json', () => {
  const text = readFileSync(new URL('../../../../package-lock.json', import.meta.url), 'utf8');
  const { packages } = lockSchema.parse(JSON.parse(text));
  const installed = Object.entries(packages).filter(([path, { link }]) => path.includes('node_modules/') && !link);

  it('pins the bytes of everything that is installed, wherever they come from', () => {
    expect(installed.length).toBeGreaterThan(100);
    const unpinned = installed.filter(([, { integrity }]) => integrity?.startsWith('sha512-') !== true);
    expect(unpinned.map(([path]) => path)).toEqual([]);
  });

  it('names no place that the packages come from', () => {
    expect(installed.filter(([, { resolved }]) => resolved !== undefined).map(([path]) => path)).toEqual([]);
  });
});
