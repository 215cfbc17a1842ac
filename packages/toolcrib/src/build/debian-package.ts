import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { onePiece } from '../core/one-piece.ts';
import { NotFoundError } from '../core/errors.ts';
import type { Arch } from '../core/target.ts';
import { verifyFile } from '../disk/digest-file.ts';
import { readTar } from '../tar/read.ts';
import { runCommand } from './command.ts';
import type { DebianPin } from './debian-libc.ts';
import { cachedFile, type Toolchain } from './toolchain.ts';

/** All of libc6 unpacked is 13 MB. */
const LIMITS = { maxEntries: 20_000, maxEntryBytes: 64 * 1024 * 1024, maxTotalBytes: 256 * 1024 * 1024 };

/**
 * The path of a .deb file of any architecture. It is fetched with apt from this machine's own sources, but in a state
 * of its own: neither the package lists nor the architectures of the machine change.
 * @throws NotFoundError `NOT_FOUND` telling what the archive offers instead; RemoteError `OFFLINE`; IntegrityError
 * `DIGEST_MISMATCH`; CheckError `BUILD_FAILED` with apt's words.
 */
export async function fetchDebianPackage(toolchain: Toolchain, pin: DebianPin, arch: Arch): Promise<string> {
  const name = `${pin.package}_${pin.version}_${arch}.deb`;
  return cachedFile(toolchain, name, pin.digest, async (scratch) => {
    const apt = await privateApt(toolchain, scratch, arch, name);
    await apt('apt-get', 'update');
    verifyOffered(await apt('apt-cache', 'madison', pin.package), pin, arch);
    await apt('apt-get', 'download', `${pin.package}=${pin.version}`);
    const file = (await readdir(scratch)).find((entry) => entry.endsWith('.deb')) ?? name;
    await verifyFile(join(scratch, file), { digest: pin.digest });
    return join(scratch, file);
  });
}

/** Runs apt's programs for one architecture, with lists and caches in a directory of their own. */
async function privateApt(toolchain: Toolchain, scratch: string, arch: Arch, what: string) {
  const state = join(scratch, 'apt');
  await mkdir(join(state, 'lists/partial'), { recursive: true });
  await mkdir(join(state, 'archives/partial'), { recursive: true });
  await writeFile(join(state, 'status'), '');
  const options = [
    ...[
      `Dir::State=${state}`,
      `Dir::State::status=${join(state, 'status')}`,
      `Dir::State::lists=${join(state, 'lists')}`,
    ],
    ...[`Dir::Cache=${state}`, `Dir::Cache::archives=${join(state, 'archives')}`],
    ...[`APT::Architecture=${arch}`, `APT::Architectures=${arch}`, 'Acquire::Languages=none'],
    // The directory belongs to this user: apt's own could not write there.
    'APT::Sandbox::User=',
  ].flatMap((option) => ['-o', option]);
  return async (program: string, ...args: readonly string[]): Promise<string> => {
    const output = await runCommand({
      program,
      args: [...options, '-qq', ...args],
      cwd: scratch,
      env: { ...toolchain.env, LC_ALL: 'C' },
      signal: toolchain.signal,
      what: `fetching ${what} from the Debian archive`,
    });
    return output.toString('utf8');
  };
}

/** Lines of `apt-cache madison`: `package | version | source`. */
function verifyOffered(madison: string, pin: DebianPin, arch: Arch): void {
  const versions = madison.split('\n').flatMap((line) => line.split('|')[1]?.trim() ?? []);
  if (versions.includes(pin.version)) return;
  const offered = versions.length === 0 ? 'none at all' : [...new Set(versions)].join(', ');
  throw new NotFoundError(
    'NOT_FOUND',
    `apt's sources do not offer ${pin.package} ${pin.version} for ${arch}; they offer: ${offered}`,
    {
      hint: `add a source that keeps old versions, or pin an offered version with the digest of its .deb file`,
      details: { package: pin.package, version: pin.version, arch, offered: [...new Set(versions)] },
    },
  );
}

/**
 * Files of a .deb, by their path in it.
 * @param wanted decides by path.
 */
export async function readDebianPackage(
  toolchain: Toolchain,
  deb: string,
  wanted: (path: string) => boolean,
): Promise<ReadonlyMap<string, Buffer>> {
  const tar = await runCommand({
    program: 'dpkg-deb',
    args: ['--fsys-tarfile', deb],
    cwd: toolchain.cache,
    env: toolchain.env,
    signal: toolchain.signal,
    what: `unpacking ${deb}`,
  });
  const files = new Map<string, Buffer>();
  for await (const member of readTar(onePiece(tar), LIMITS, deb)) {
    if (member.kind !== 'file' || !wanted(member.path)) continue;
    const chunks: Uint8Array[] = [];
    for await (const chunk of member.bytes) chunks.push(chunk);
    files.set(member.path, Buffer.concat(chunks));
  }
  return files;
}
