import { readFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { ARTIFACT_SCHEMA, DESCRIPTOR_NAME, formatArtifactDescriptor } from '../core/artifact-descriptor.ts';
import { parseElf } from '../core/elf.ts';
import type { Arch } from '../core/target.ts';
import { receiveFile } from '../disk/receive-file.ts';
import { publishTemporary } from '../disk/write-file.ts';
import { gzip, sortTree, writeTar, type TarEntry } from '../tar/write.ts';
import type { BunBuild, BunResult } from './bun-driver.ts';
import { carriedLibraries } from './carried-libraries.ts';
import type { DebianPin } from './debian-libc.ts';
import { LOADERS } from './sealed-loader.ts';
import type { Toolchain } from './toolchain.ts';

/** Names where every part of a tree comes from. */
const SOURCES_SCHEMA = 'toolcrib.sources.v1';

/** A compiled tool that is to carry all it needs. */
export interface SelfContained extends BunBuild, BunResult {
  readonly healthcheck: readonly string[];
}

/**
 * Writes a tool with its loader and libraries as a gzipped tar (formats.md 3). Same tool, same bytes.
 * @throws as {@link carriedLibraries}.
 */
export async function writeSelfContained(
  toolchain: Toolchain,
  tool: SelfContained,
  pins: Readonly<Record<Arch, DebianPin>>,
  output: string,
): Promise<void> {
  const { arch } = tool.target;
  const bytes = await readFile(tool.executable);
  const { needed } = parseElf((offset, length) => bytes.subarray(offset, offset + length));
  const carried = await carriedLibraries(toolchain, pins[arch], arch, needed);
  const entries = sortTree([
    textFile(DESCRIPTOR_NAME, descriptorOf(tool)),
    textFile('sources.json', sourcesOf(tool, carried.source)),
    textFile('licenses/bun/NOTICE', bunNotice(tool)),
    { path: `bin/${tool.tool}`, kind: 'file', mode: 0o755, bytes },
    ...carried.entries,
  ]);
  const received = await receiveFile({
    directory: dirname(output),
    bytes: gzip(writeTar(entries)),
    maxBytes: Number.MAX_SAFE_INTEGER,
    what: output,
    signal: toolchain.signal,
  });
  await publishTemporary(received.path, output);
}

function textFile(path: string, text: string): TarEntry {
  return { path, kind: 'file', mode: 0o644, bytes: Buffer.from(text) };
}

function descriptorOf(tool: SelfContained): string {
  const loader = `lib/${LOADERS[tool.target.arch]}`;
  return formatArtifactDescriptor({
    schema: ARTIFACT_SCHEMA,
    tool: tool.tool,
    version: tool.version,
    target: tool.targetName,
    entrypoint: [loader, '--inhibit-cache', '--library-path', 'lib', `bin/${tool.tool}`],
    healthcheck: tool.healthcheck,
    glibcFloor: null,
  });
}

function sourcesOf(tool: SelfContained, libc: Readonly<Record<string, unknown>>): string {
  const { runtime } = tool;
  const bun = { name: 'bun', npmPackage: runtime.package, version: runtime.version, integrity: runtime.integrity };
  return `${JSON.stringify({ schema: SOURCES_SCHEMA, components: [bun, libc] }, null, 2)}\n`;
}

function bunNotice({ tool, runtime }: SelfContained): string {
  return `bin/${tool} contains the Bun runtime ${runtime.version}, from npm's package
${runtime.package}, unchanged (${runtime.integrity}).

Bun is under the MIT license. It is linked statically with JavaScriptCore, parts of which are under the GNU Lesser
General Public License, version 2, and with other libraries; Bun's own documentation names them all, and tells how to
relink Bun with a JavaScriptCore of your own.
`;
}
