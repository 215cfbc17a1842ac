import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { digestOf } from '../../../src/core/digest.ts';
import type { LocalBuilder } from '../../../src/resolve/local-builder.ts';

type CommandBuilder = Extract<LocalBuilder, { readonly kind: 'command' }>;

/** A builder that may not ask. */
export function builderThat(unasked: string): CommandBuilder {
  const fail = (): Promise<never> => Promise.reject(new Error('asked or built'));
  return { kind: 'command', command: 'make it', unasked, ask: fail, build: fail };
}

/** A builder whose user gives this answer, and that writes these bytes to a folder. */
export function builderWhere(answer: boolean, folder: string, name: string, bytes: Uint8Array): CommandBuilder {
  return {
    kind: 'command',
    command: 'make it',
    unasked: undefined,
    ask: () => Promise.resolve(answer),
    async build() {
      if (!answer) throw new Error('built what was declined');
      const path = join(folder, name);
      await mkdir(folder, { recursive: true });
      await writeFile(path, bytes);
      return { path, digest: digestOf(bytes), size: bytes.byteLength };
    },
  };
}
