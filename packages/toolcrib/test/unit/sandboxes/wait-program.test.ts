import { describe, expect, test } from 'vitest';
import { elfHeadFrom } from '../../../src/core/elf.ts';
import { waitProgram } from '../../../src/sandboxes/docker/wait-program.ts';

describe('the program that keeps a container running', () => {
  test.each(['amd64', 'arm64'] as const)('is a static executable for %s of a few hundred bytes', (arch) => {
    const program = waitProgram(arch);
    expect(program.byteLength).toBeLessThan(300);
    expect(elfHeadFrom(program)).toMatchObject({ machine: arch, interpreter: undefined });
  });
});
