import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { digestHex, type Digest } from '../core/digest.ts';
import { hasCode, IntegrityError, RemoteError, type ToolcribError } from '../core/errors.ts';
import type { Reporter } from '../core/reporter.ts';
import { verifyFile } from '../disk/digest-file.ts';
import { receiveFile } from '../disk/receive-file.ts';
import { publishTemporary } from '../disk/write-file.ts';
import { gunzip, readTar } from '../tar/read.ts';
import { BUN_MEMBER, type BunRuntime } from './bun-runtimes.ts';
import { runCommand } from './command.ts';
import { withScratch } from './scratch.ts';

/** Where parts of artifacts come from and are kept. */
export interface Toolchain {
  /** Directory of verified downloads; others may share it. */
  readonly cache: string;
  /** Where npm is asked, so that the project's own registry configuration counts. */
  readonly folder: string;
  /** Environment of npm and apt. */
  readonly env: NodeJS.ProcessEnv;
  readonly reporter: Reporter;
  readonly signal: AbortSignal;
  /** True: what is not in the cache is not fetched. */
  readonly offline: boolean;
  /** Starts what reads the project, npm and compilers: see `Command`. */
  readonly launcher?: readonly string[] | undefined;
  /** Is given what compilers write, as they write it. */
  readonly onOutput?: ((bytes: Uint8Array) => void) | undefined;
}

/** Above any Bun there was, in bytes. */
const MAX_RUNTIME_BYTES = 512 * 1024 * 1024;

/**
 * The path of a file with a pinned digest in the cache; it is verified each time, and fetched when it is not there or
 * not right.
 * @param fetch leaves a file in the cache's directory whose bytes were verified, and returns its path.
 * @throws RemoteError `OFFLINE` where it would have to be fetched, `STORAGE`; what `fetch` throws.
 */
export async function cachedFile(
  toolchain: Toolchain,
  name: string,
  digest: Digest,
  fetch: (scratch: string) => Promise<string>,
): Promise<string> {
  const path = join(toolchain.cache, `${name}-${digestHex(digest).slice(0, 12)}`);
  try {
    await verifyFile(path, { digest }, { signal: toolchain.signal });
    return path;
  } catch (error) {
    if (!hasCode(error, 'NOT_FOUND', 'DIGEST_MISMATCH')) throw error;
    if (toolchain.offline) throw notFetched(toolchain.cache, name, error);
  }
  toolchain.reporter.notice({ kind: 'step', text: `fetching ${name}` });
  await withScratch(toolchain.cache, async (scratch) => publishTemporary(await fetch(scratch), path));
  return path;
}

function notFetched(cache: string, name: string, cause: ToolcribError): RemoteError {
  const found = cause.code === 'NOT_FOUND' ? 'is not in the cache' : 'is damaged in the cache';
  return new RemoteError('OFFLINE', `offline: ${name}, which the build needs, ${found}`, {
    hint: `run "toolcrib build" once without --offline: what it fetches is kept in ${cache}`,
    details: { name, cache },
    cause,
  });
}

/**
 * The path of a Bun executable, fetched with `npm pack` when it is needed first.
 * @throws RemoteError `OFFLINE`; IntegrityError `DIGEST_MISMATCH` when npm gives other bytes; CheckError `BUILD_FAILED` with npm's words.
 */
export async function fetchRuntime(toolchain: Toolchain, runtime: BunRuntime): Promise<string> {
  const name = `${runtime.package.replace(/^@/, '').replace('/', '-')}-${runtime.version}`;
  return cachedFile(toolchain, name, runtime.executable, async (scratch) => {
    const tarball = await packRuntime(toolchain, runtime, scratch);
    await verifyIntegrity(tarball, runtime);
    return unpackRuntime(tarball, runtime, toolchain.cache, toolchain.signal);
  });
}

async function packRuntime(toolchain: Toolchain, runtime: BunRuntime, scratch: string): Promise<string> {
  const specifier = `${runtime.package}@${runtime.version}`;
  await runCommand({
    program: 'npm',
    args: ['pack', '--silent', '--ignore-scripts', '--pack-destination', scratch, specifier],
    launcher: toolchain.launcher,
    cwd: toolchain.folder,
    env: toolchain.env,
    signal: toolchain.signal,
    what: `fetching ${specifier} from npm`,
  });
  const file = (await readdir(scratch)).find((name) => name.endsWith('.tgz'));
  if (file !== undefined) return join(scratch, file);
  throw new IntegrityError('MALFORMED', `npm pack ${specifier} left no tarball`, {
    hint: 'is "npm" on the PATH the program of that name?',
  });
}

async function verifyIntegrity(tarball: string, runtime: BunRuntime): Promise<void> {
  const hash = createHash('sha512');
  for await (const chunk of createReadStream(tarball)) if (chunk instanceof Uint8Array) hash.update(chunk);
  const actual = `sha512-${hash.digest('base64')}`;
  if (actual === runtime.integrity) return;
  throw new IntegrityError(
    'DIGEST_MISMATCH',
    `${runtime.package}@${runtime.version} from npm has integrity ${actual}, expected ${runtime.integrity}`,
    { hint: 'the registry gave other bytes than npm published; nothing of them was kept' },
  );
}

async function unpackRuntime(
  tarball: string,
  runtime: BunRuntime,
  directory: string,
  signal: AbortSignal,
): Promise<string> {
  const limits = { maxEntries: 100, maxEntryBytes: MAX_RUNTIME_BYTES, maxTotalBytes: MAX_RUNTIME_BYTES };
  const tar = gunzip(createReadStream(tarball), MAX_RUNTIME_BYTES, runtime.package);
  for await (const member of readTar(tar, limits, runtime.package)) {
    if (member.path !== BUN_MEMBER) continue;
    const received = await receiveFile({
      directory,
      bytes: member.bytes,
      expected: { digest: runtime.executable, size: member.size },
      maxBytes: MAX_RUNTIME_BYTES,
      what: `${BUN_MEMBER} of ${runtime.package}`,
      signal,
      mode: 0o755,
    });
    return received.path;
  }
  throw new IntegrityError('MALFORMED', `${runtime.package}@${runtime.version} has no ${BUN_MEMBER}`, {
    hint: 'toolcrib pins a package that is none of Bun: report it with the version of toolcrib',
  });
}
