import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import type { Clock } from '../../../src/core/clock.ts';
import { digestOf } from '../../../src/core/digest.ts';
import { silentReporter } from '../../../src/core/reporter.ts';
import { archFrom, type Libc } from '../../../src/core/target.ts';
import type { InjectableArtifact } from '../../../src/inject/artifact.ts';
import type { Injection } from '../../../src/inject/injection.ts';
import type { Sandbox } from '../../../src/sandboxes/sandbox.ts';
import { writeTar, type TarEntry } from '../../../src/tar/write.ts';

const run = promisify(execFile);

/** Compiles the synthetic tool: one program that needs nothing from a sandbox, or, linked dynamically, its glibc. */
export async function compileSyntheticTool(version = 1, linking: 'static' | 'dynamic' = 'static'): Promise<Buffer> {
  const folder = await mkdtemp(join(tmpdir(), 'synthetic-'));
  try {
    const source = join(import.meta.dirname, 'synthetic-tool.c');
    const flags = linking === 'static' ? ['-static'] : [];
    await run('gcc', [...flags, '-Os', '-s', `-DTOOL_VERSION=${version}`, '-o', join(folder, 'tool'), source]);
    return await readFile(join(folder, 'tool'));
  } finally {
    await rm(folder, { recursive: true });
  }
}

export interface SyntheticOptions {
  readonly program: Buffer;
  readonly version?: number;
  /** Default: `any`. */
  readonly libc?: Libc;
  readonly healthcheck?: readonly string[];
  /** Size of a further file, in bytes. */
  readonly ballast?: number;
}

/** An artifact tree of the program, a library folder and a note. */
export async function syntheticArtifact(options: SyntheticOptions): Promise<InjectableArtifact> {
  const { program, version = 1, libc = 'any', healthcheck = ['healthcheck'], ballast = 1000 } = options;
  const entries: readonly (TarEntry & { readonly bytes?: Uint8Array })[] = [
    { path: 'bin', kind: 'directory', mode: 0o755 },
    { path: 'bin/synthetic', kind: 'file', mode: 0o755, bytes: program },
    { path: 'lib', kind: 'directory', mode: 0o755 },
    { path: 'lib/deep', kind: 'directory', mode: 0o755 },
    { path: 'lib/deep/ballast', kind: 'file', mode: 0o644, bytes: randomBytes(ballast) },
    { path: 'note.txt', kind: 'file', mode: 0o600, bytes: Buffer.from('a note\n') },
  ];
  const tar = await bytesOf(writeTar(entries));
  const files = entries.flatMap(({ path, kind, mode, bytes = Buffer.alloc(0) }) =>
    kind === 'file' ? [{ path, mode, size: bytes.byteLength, digest: digestOf(bytes) }] : [],
  );
  return {
    tool: 'synthetic',
    version,
    target: { arch: archFrom(process.arch) ?? 'amd64', libc },
    digest: digestOf(tar),
    descriptor: { entrypoint: ['bin/synthetic'], healthcheck },
    tar: { size: tar.byteLength, digest: digestOf(tar), files, open: () => piecesOf(tar), readAt: partsOf(tar) },
  };
}

async function bytesOf(pieces: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const all: Uint8Array[] = [];
  for await (const piece of pieces) all.push(piece);
  return Buffer.concat(all);
}

/** Some bytes of it, as of a file. */
export function partsOf(bytes: Buffer): InjectableArtifact['tar']['readAt'] {
  return (offset, length) => Promise.resolve(bytes.subarray(offset, offset + length));
}

/** In pieces, as a file is read. */
export async function* piecesOf(bytes: Buffer): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.byteLength; at += 256 * 1024) {
    await Promise.resolve();
    yield bytes.subarray(at, at + 256 * 1024);
  }
}

export const realClock: Clock = {
  now: () => Date.now(),
  elapsed: () => performance.now(),
  sleep: async (ms, signal) => {
    await sleep(ms, undefined, signal === undefined ? {} : { signal });
  },
};

/** The parents of a configuration that says nothing else. */
export const INSTALL = ['/var/lib/toolcrib', '/opt/toolcrib', '/tmp/toolcrib'];

/** An injection with everything that a test does not care about. */
export function injectionOf(
  sandbox: Sandbox,
  artifact: InjectableArtifact,
  ledger: string,
  more: Partial<Injection> = {},
): Injection {
  return {
    sandbox,
    artifact,
    install: INSTALL,
    ledger,
    clock: realClock,
    random: (size) => randomBytes(size),
    reporter: silentReporter,
    ...more,
  };
}
