import { join } from 'node:path';
import * as z from 'zod/mini';
import { digestHex, digestOf } from '../core/digest.ts';
import { hasCode, RemoteError } from '../core/errors.ts';
import '../core/schema-messages.ts';
import { readSmallFile, readSmallText } from '../disk/small-file.ts';
import { ensureDirectory } from '../disk/write-file.ts';
import { abandonable } from './abandonable.ts';
import { messagesOf } from './causes.ts';
import { MAX_SIGNED_BYTES } from './strict-json.ts';

/** Where the trusted root of the public Sigstore instance is published. */
const PUBLIC_MIRROR = 'https://tuf-repo-cdn.sigstore.dev';
const TARGET = 'trusted_root.json';
const TIMEOUT_MS = 10_000;

/** How a trusted root is fetched through TUF. */
export interface TufOptions {
  /** Absolute path of what TUF keeps; made when it is missing. */
  readonly directory: string;
  /** True: only what is kept is used. */
  readonly offline: boolean;
  readonly signal?: AbortSignal | undefined;
  /** Default: the public instance, whose first TUF root ships with npm's `@sigstore/tuf`. */
  readonly mirror?: { readonly url: string; /** Absolute path of its first TUF root. */ readonly root: string };
}

/**
 * The trusted root of a Sigstore instance, by The Update Framework. What is kept between calls saves requests and is
 * verified from the first TUF root on each time; only offline it is taken as it is.
 * @throws RemoteError `UNREACHABLE`, `OFFLINE` when nothing is kept, `STORAGE`; the signal's reason.
 */
export async function readTufTrustedRoot(options: TufOptions): Promise<Uint8Array> {
  const { offline, directory, signal } = options;
  signal?.throwIfAborted();
  if (offline) return await readKept(options);
  await ensureDirectory(directory);
  try {
    return Buffer.from(await abandonable(update(options), signal));
  } catch (error) {
    signal?.throwIfAborted();
    throw unreachable(options, error);
  }
}

async function update(options: TufOptions): Promise<string> {
  try {
    return await fetchTarget(options, true);
  } catch {
    // What is kept may stand in the way, e.g. after keys were changed: once more without it.
    return await fetchTarget(options, false);
  }
}

async function fetchTarget({ directory, mirror }: TufOptions, useKept: boolean): Promise<string> {
  const { initTUF } = await import('./tuf-sdk.ts');
  const tuf = await initTUF({
    mirrorURL: mirror?.url ?? PUBLIC_MIRROR,
    ...(mirror && { rootPath: mirror.root }),
    cachePath: directory,
    // From the root that ships, not from one that somebody may have put into the cache.
    forceInit: true,
    forceCache: useKept,
    retry: { retries: 1 },
    timeout: TIMEOUT_MS,
  });
  return await tuf.getTarget(TARGET);
}

const targetsSchema = z.looseObject({
  signed: z.looseObject({
    targets: z.looseObject({ [TARGET]: z.looseObject({ hashes: z.looseObject({ sha256: z.string() }) }) }),
  }),
});

/** What the last update left, if it is whole: the file that its own list of targets names. */
async function readKept(options: TufOptions): Promise<Uint8Array> {
  const folder = keptFolder(options);
  try {
    const bytes = await readSmallFile(join(folder, 'targets', TARGET), MAX_SIGNED_BYTES);
    const list = await readSmallText(join(folder, 'targets.json'), MAX_SIGNED_BYTES);
    const targets = targetsSchema.safeParse(JSON.parse(list));
    if (targets.data?.signed.targets[TARGET].hashes.sha256 === digestHex(digestOf(bytes))) return bytes;
  } catch (error) {
    if (!hasCode(error, 'NOT_FOUND', 'TOO_LARGE') && !(error instanceof SyntaxError)) throw error;
  }
  throw new RemoteError('OFFLINE', 'offline, and the trusted root of Sigstore is not in the cache', {
    hint: 'run the command once online, or put a trusted root under git: "attestation": { "trustedRoot": FILE }',
    details: { directory: folder },
  });
}

/** As `@sigstore/tuf` names it for a mirror. */
function keptFolder({ directory, mirror }: TufOptions): string {
  const url = new URL(mirror?.url ?? PUBLIC_MIRROR);
  return join(directory, encodeURIComponent(`${url.host}${url.pathname.replace(/\/$/, '')}`));
}

function unreachable({ mirror }: TufOptions, error: unknown): RemoteError {
  const from = mirror?.url ?? PUBLIC_MIRROR;
  return new RemoteError(
    'UNREACHABLE',
    `the trusted root of Sigstore does not come from ${from}: ${messagesOf(error)}`,
    {
      hint: 'check the network, or put a trusted root under git: "attestation": { "trustedRoot": FILE }',
      cause: error,
    },
  );
}
