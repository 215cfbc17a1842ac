import { join, resolve } from 'node:path';
import type { Digest } from '../core/digest.ts';
import { ToolcribError, UsageError } from '../core/errors.ts';
import { quoted } from '../core/printable.ts';
import { parseStoreReference, type StoreReference } from '../core/reference.ts';
import { isStoredPackId, PACKS_FOLDER, storedPackName, type StoredPackId } from '../core/stored-pack.ts';
import { digestFile, readVerified } from '../disk/digest-file.ts';
import { verifyInput } from '../disk/input-path.ts';
import { openRegularFile } from '../disk/open-regular-file.ts';
import type { PublishedPack } from '../extensions/pack/publish-pack.ts';
import { formatStoreRef, storeArtifactUrl } from '../extensions/store-ref.ts';
import type { PackTarget } from '../stores/pack-target.ts';
import type { ByteSource } from '../stores/store.ts';
import type { Host } from './host.ts';
import type { StoreFailure } from './publish-release.ts';

/** What is published, and where. */
export interface PublishPackOptions {
  /** The `.gtxpack`. */
  readonly file: string;
  /** Directories, OCI repositories, extension stores. */
  readonly to: readonly string[];
  readonly version: string;
  /** Default: `component.id` of the pack. */
  readonly name?: string;
}

/** A pack in every store that it was published to. */
export interface PackPublication extends StoredPackId {
  /** Of the pack. */
  readonly digest: Digest;
  /** In bytes. */
  readonly size: number;
  /** Of the component; null for a pack that has none. */
  readonly component: Digest | null;
  /** In the order in which they were published to. */
  readonly stores: readonly PackInStore[];
  /** The first thing that went wrong after writing began: who has no other use for it throws it. */
  readonly failure: ToolcribError | null;
}

/** What became of a pack in one store. */
export interface PackInStore {
  /** `failed`: nobody found it there; all else as of {@link PublishedPack}. */
  readonly outcome: PublishedPack['outcome'] | 'failed';
  readonly where: string;
  /** What a `pack.extensions.json` has to say to depend on it; null where it failed. */
  readonly source: string | null;
  /** Why it is not there; null when it is. */
  readonly failure: StoreFailure | null;
}

/**
 * Publishes a pack to stores, one after another, and reads it back from each: docs/guides/extension-packs.md. One that
 * fails holds up none of the others, and undoes none.
 * @returns also when a store failed after writing began: see `failure`, a ConflictError `VERSION_TAKEN` where another pack
 * has that version, among others.
 * @throws before anything was written, UsageError `USAGE`, `REFERENCE_INVALID`; IntegrityError for what is no sound pack;
 * NotFoundError `NOT_FOUND`. At any time the signal's reason.
 */
export async function publishExtension(host: Host, options: PublishPackOptions): Promise<PackPublication> {
  const references = options.to.map(packStoreFrom);
  if (references.length === 0) throw new UsageError('USAGE', 'no store is named', { hint: `--to STORE: ${STORES}` });
  const { signal } = host;
  const path = resolve(host.cwd, options.file);
  await verifyInput(path, 'file');
  const { digest, size } = await digestFile(path, { signal });
  const { verifyPack } = await import('../extensions/pack/verify-pack.ts');
  const { component } = await verifyPack(await openRegularFile(path), options.name ?? options.file, signal);
  const name = options.name ?? component?.id;
  if (name === undefined) throw noName(options.file);
  const id = { name, version: options.version };
  if (!isStoredPackId(id)) throw unfitId(id);
  const pack: ByteSource = { digest, size, open: () => readVerified(path, { digest, size }, { signal }) };
  const targets: PackTarget[] = [];
  try {
    for (const reference of references) targets.push(await openTarget(reference, id, host));
    const { stores, failure } = await publishAll(targets, pack, id, host);
    return { ...id, digest, size, component: component?.digest ?? null, stores, failure };
  } finally {
    for (const target of targets) await target.close();
  }
}

const STORES = 'publish packs to file:DIR, oci://HOST/REPOSITORY, or the https:// URL of a "toolcrib serve"';

/** Of what is no store at all, hints name those that take packs. */
function packStoreFrom(text: string): StoreReference {
  try {
    return parseStoreReference(text);
  } catch (error) {
    if (!(error instanceof UsageError) || /^(?:file:|oci:|https?:)/i.test(text)) throw error;
    const { code, message, details } = error;
    throw new UsageError(code, message, { hint: STORES, details, cause: error });
  }
}

async function publishAll(
  targets: readonly PackTarget[],
  pack: ByteSource,
  id: StoredPackId,
  { signal }: Host,
): Promise<Pick<PackPublication, 'stores' | 'failure'>> {
  const { publishPack } = await import('../extensions/pack/publish-pack.ts');
  const stores: PackInStore[] = [];
  const failures: ToolcribError[] = [];
  for (const target of targets) {
    try {
      stores.push({ ...(await publishPack(target, pack, { id, signal })), failure: null });
    } catch (error) {
      signal?.throwIfAborted();
      if (!(error instanceof ToolcribError)) throw error;
      failures.push(error);
      stores.push(failedIn(target, error));
    }
  }
  return { stores, failure: failures[0] ?? null };
}

function failedIn({ where }: PackTarget, { code, message, hint, details }: ToolcribError): PackInStore {
  return { outcome: 'failed', where, source: null, failure: { code, message, hint: hint ?? null, details } };
}

/** @throws UsageError `USAGE` for a store that takes no packs. */
async function openTarget(reference: StoreReference, id: StoredPackId, host: Host): Promise<PackTarget> {
  switch (reference.kind) {
    case 'directory': {
      const { openDirectoryPackTarget } = await import('../stores/directory/pack-target.ts');
      const path = join(resolve(host.cwd, reference.directory), PACKS_FOLDER, storedPackName(id));
      return openDirectoryPackTarget(path, host);
    }
    case 'http': {
      const { httpTokenFor, transferOptions } = await import('./open-store.ts');
      const { openHttpPackTarget } = await import('../stores/http/pack-target.ts');
      const artifact = { url: storeArtifactUrl(reference.base, id), source: formatStoreRef(id) };
      return openHttpPackTarget(artifact, { ...(await transferOptions(host)), token: httpTokenFor(reference, host) });
    }
    case 'oci': {
      const { registryCredentials, transferOptions } = await import('./open-store.ts');
      const { openOciPackTarget } = await import('../stores/oci/pack-target.ts');
      const { packArtifact, packTag } = await import('../extensions/pack/pack-artifact.ts');
      const place = {
        tag: packTag(id),
        documentsFor: (pack: Pick<ByteSource, 'digest' | 'size'>) => packArtifact(id, pack),
      };
      return openOciPackTarget(reference, place, {
        ...(await transferOptions(host)),
        credentials: registryCredentials(host),
      });
    }
    case 's3':
    case 'github':
      throw new UsageError('USAGE', `packs are not published to ${reference.url}`, {
        hint: STORES,
        details: { store: reference.url },
      });
  }
}

function noName(file: string): UsageError {
  return new UsageError('USAGE', `nothing says the name to publish ${file} under: it has no component.json`, {
    hint: 'give --name NAME, e.g. the id of the extension',
    details: { file },
  });
}

function unfitId({ name, version }: StoredPackId): UsageError {
  return new UsageError('USAGE', `no pack can be published as ${quoted(`${name}@${version}`)}`, {
    hint: 'a name has letters, digits, ".", "_", "-" and slashes, a version no slashes; --name and --version say others',
    details: { name, version },
  });
}
