import { IntegrityError } from '../../core/errors.ts';
import type { GithubAsset } from '../../github/releases.ts';
import { displayUrl } from '../../transfer/display-url.ts';
import { rewriteUrl } from '../../transfer/rewrite.ts';
import type { Download } from '../../transfer/transfer.ts';
import type { FetchOptions, OpenedFile } from '../store.ts';
import { verifyPublic } from './public-repository.ts';
import { tagOfFile } from './release-tag.ts';
import { assetOf, findRelease, type GithubSession } from './session.ts';

/** Reads files of one repository's releases. */
export type AssetReader = (name: string, options: FetchOptions) => Promise<OpenedFile | undefined>;

/**
 * What is published for everybody needs no API and no token. When that is not there and there is a token, the API is
 * asked: the repository may be private, the release a draft. What was found out is remembered.
 */
export function assetReader(session: GithubSession): AssetReader {
  let isPrivate = false;
  const read = async (tag: string, name: string, { signal, digest }: FetchOptions): Promise<OpenedFile | undefined> => {
    const url = assetUrl(session, tag, name);
    if (!isPrivate && !session.chosen.has(tag)) {
      const download = await readPublic(session, url, signal);
      if (download !== undefined) return opened(download, publicUrl(session, url));
    }
    if (session.options.anonymous === true) await verifyPublic(session, url, signal);
    if (!session.github.hasToken) return undefined;
    const release = await findRelease(session, tag, signal);
    const asset = assetOf(release, name);
    if (release === undefined || asset?.uploaded !== true) return undefined;
    if (digest !== undefined) verifyTold(asset, digest, url);
    const download = await session.releases.openAsset(asset.id, { signal });
    if (download !== undefined && !release.draft) isPrivate = true;
    return download && opened(download, displayUrl(url));
  };
  return async (name, options) => {
    options.signal?.throwIfAborted();
    const tag = tagOfFile(session.reference, name);
    const file = tag === undefined ? undefined : await read(tag, name, options);
    const url = tag === undefined ? session.reference.url : publicUrl(session, assetUrl(session, tag, name));
    // GitHub says 404 for what it hides.
    if (file === undefined) options.onMissing?.({ url, isHidden: false });
    return file;
  };
}

/** Where what is public is asked for, as it may be shown. */
function publicUrl({ options }: GithubSession, url: string): string {
  return displayUrl(rewriteUrl(url, options.rewrite));
}

/** Where anybody finds a file of a published release of a public repository. */
function assetUrl({ reference, github }: GithubSession, tag: string, name: string): string {
  const { owner, repository } = reference;
  const path = [owner, repository, 'releases', 'download', tag, name].map(encodeURIComponent).join('/');
  return `${github.addresses.web}/${path}`;
}

/** An Enterprise server that shows nothing to strangers sends them to its login page, as if that were the file. */
async function readPublic(
  { transfer }: GithubSession,
  url: string,
  signal: AbortSignal | undefined,
): Promise<Download | undefined> {
  const download = await transfer.get(url, { signal });
  if (download === undefined || !isLoginPage(download.url)) return download;
  await download.bytes[Symbol.asyncIterator]().return?.();
  return undefined;
}

function isLoginPage(url: string): boolean {
  return URL.parse(url)?.pathname === '/login';
}

/** The link that GitHub redirects to says nothing to anybody; what was asked for does. */
function opened({ size, bytes }: Download, url: string): OpenedFile {
  return { size, bytes, url };
}

/**
 * Compares what GitHub measured with what is wanted, before a byte is read.
 * @throws IntegrityError `DIGEST_MISMATCH`.
 */
export function verifyTold(asset: GithubAsset, digest: string, where: string): void {
  if (asset.digest === undefined || asset.digest === digest) return;
  throw new IntegrityError('DIGEST_MISMATCH', `GitHub says that ${where} has digest ${asset.digest}, not ${digest}`, {
    hint: 'these are not the pinned bytes; nothing of them was kept. Compare the release with the sums file in git',
    details: { expected: digest, actual: asset.digest },
  });
}
