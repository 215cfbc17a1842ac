import * as z from 'zod/mini';
import '../../core/schema-messages.ts';
import { digestOf, type Digest } from '../../core/digest.ts';
import { IntegrityError, UsageError } from '../../core/errors.ts';
import { parseDocument } from '../../core/json-document.ts';
import { quoted } from '../../core/printable.ts';
import { webAssemblyKind, type WebAssemblyKind } from '../../core/webassembly.ts';
import { collectPackFiles, verifyDistinct, type PackFile } from './collect-files.ts';
import { SIDECAR_NAME } from './component-sidecar.ts';
import { DESCRIBE_NAME, parseDescribe } from './describe.ts';
import { PACK_LIMITS, type PackLimits } from './limits.ts';
import { openPack } from './read-pack.ts';
import { writeZip } from './write-zip.ts';

/** What is packed. */
export interface CreatePackOptions {
  /** Absolute. */
  readonly directory: string;
  /** For `component.json`, where the directory has none. */
  readonly id?: string | undefined;
  /** Name of the file that is the component, where the directory has no `component.json`. Default: `component.wasm`. */
  readonly asset?: string | undefined;
  readonly limits?: PackLimits;
  readonly signal?: AbortSignal | undefined;
}

/** A pack, and what is in it. */
export interface CreatedPack {
  readonly bytes: Uint8Array;
  readonly digest: Digest;
  readonly id: string;
  readonly component: {
    readonly asset: string;
    readonly digest: Digest;
    /** In bytes. */
    readonly size: number;
    readonly kind: WebAssemblyKind;
  };
  /** Of each entry, in order. */
  readonly entries: readonly { readonly name: string; /** In bytes. */ readonly size: number }[];
  /** Names of the tools that it describes; null without a `describe.json`. */
  readonly tools: readonly string[] | null;
}

const DEFAULT_ASSET = 'component.wasm';

/** As it is written by hand: the digest is ours to say. */
const draftSchema = z.looseObject({
  component: z.looseObject({ id: z.string(), asset: z.string(), digest: z.optional(z.string()) }),
});
type Draft = z.infer<typeof draftSchema>;

/**
 * Packs a directory: the same files are always the same bytes. What was packed is read back before it is handed out.
 * @throws NotFoundError `NOT_FOUND`; UsageError `USAGE` for what cannot be packed, `CONFIG_INVALID` for a wrong `component.json` or `describe.json`;
 * IntegrityError `DIGEST_MISMATCH` when `component.json` says another digest, `TOO_LARGE`; RemoteError `STORAGE`; the
 * signal's reason.
 */
export async function createPack(options: CreatePackOptions): Promise<CreatedPack> {
  const { directory, limits = PACK_LIMITS, signal } = options;
  const files = await collectPackFiles(directory, limits, signal);
  const draft = draftOf(files, options);
  const { id, asset, digest: said, ...others } = draft.component;
  const component = files.find(({ name }) => name === asset && name !== SIDECAR_NAME);
  if (component === undefined) throw noComponent(directory, asset, files);
  const digest = verifySaid(said, digestOf(component.bytes), id);
  const tools = toolsOf(files, directory);
  // In one order, so that packing what was unpacked yields the same pack.
  const document = { ...draft, component: { id, asset, digest, ...others } };
  const sidecar = { name: SIDECAR_NAME, bytes: Buffer.from(`${JSON.stringify(document, undefined, 2)}\n`) };
  const packed = withSidecar(files, sidecar);
  verifyDistinct(
    directory,
    packed.map(({ name }) => name),
  );
  const bytes = await writeZip(packed, signal);
  const pack = await openPack(bytes, { extensionId: id, limits, signal });
  await pack.verifyEntries();
  await pack.readComponent();
  const { byteLength: size } = component.bytes;
  return {
    bytes,
    digest: digestOf(bytes),
    id,
    component: { asset, digest, size, kind: webAssemblyKind(component.bytes) },
    entries: pack.entries,
    tools: tools?.map(({ name }) => name) ?? null,
  };
}

function draftOf(files: readonly PackFile[], { directory, id, asset }: CreatePackOptions): Draft {
  const written = files.find(({ name }) => name === SIDECAR_NAME);
  if (written === undefined) {
    if (id === undefined || id.trim() === '') throw noId(directory);
    return { component: { id, asset: asset ?? DEFAULT_ASSET } };
  }
  const draft = parseDocument(draftSchema, written.bytes, (what) => invalid(directory, SIDECAR_NAME, what));
  const { component } = draft;
  const verifyAsked = (key: string, said: string, asked = said): void => {
    if (asked === said) return;
    throw invalid(directory, SIDECAR_NAME, `component.${key} is ${quoted(said)}, and ${quoted(asked)} was asked for`);
  };
  verifyAsked('id', component.id, id);
  verifyAsked('asset', component.asset, asset);
  if (component.id.trim() === '') throw invalid(directory, SIDECAR_NAME, 'component.id is empty');
  return draft;
}

function withSidecar(files: readonly PackFile[], sidecar: PackFile): readonly PackFile[] {
  const others = files.filter(({ name }) => name !== SIDECAR_NAME);
  const after = others.findIndex(({ name }) => Buffer.compare(Buffer.from(name), Buffer.from(SIDECAR_NAME)) > 0);
  return others.toSpliced(after < 0 ? others.length : after, 0, sidecar);
}

function verifySaid(said: string | undefined, actual: Digest, id: string): Digest {
  if (said === undefined || said === actual) return actual;
  const told = `${SIDECAR_NAME} says ${quoted(said)}, the component has ${actual}`;
  throw new IntegrityError('DIGEST_MISMATCH', `the component of extension ${quoted(id)} is another: ${told}`, {
    hint: `put the right component there, or leave component.digest out of ${SIDECAR_NAME}: it is written when packing`,
    details: { extension: id, expected: said.slice(0, 200), actual },
  });
}

/** What a reader of secrets would stumble over is refused before it is published. */
function toolsOf(files: readonly PackFile[], directory: string): ReturnType<typeof parseDescribe> | undefined {
  const describe = files.find(({ name }) => name === DESCRIBE_NAME);
  return describe && parseDescribe(describe.bytes, (what) => invalid(directory, DESCRIBE_NAME, what));
}

function noComponent(directory: string, asset: string, files: readonly PackFile[]): UsageError {
  const folder = asset.replace(/\/*$/, '/');
  const isFolder = files.some(({ name }) => name.startsWith(folder));
  const fault = isFolder
    ? `its component ${quoted(asset)} is a directory`
    : `there is no component ${quoted(asset)} in it`;
  return new UsageError('USAGE', `cannot pack ${directory}: ${fault}`, {
    hint: `put it there, or name another file: component.asset in ${SIDECAR_NAME}, or --component`,
    details: { directory, asset },
  });
}

function noId(directory: string): UsageError {
  return new UsageError('USAGE', `cannot pack ${directory}: nothing says the id of the extension`, {
    hint: `give --id, or write a ${SIDECAR_NAME} with component.id and component.asset`,
    details: { directory },
  });
}

function invalid(where: string, name: string, what: string): UsageError {
  return new UsageError('CONFIG_INVALID', `${name} of ${where} is not as it should be: ${what}`, {
    hint: 'docs/guides/extension-packs.md shows one',
    details: { file: name },
  });
}
