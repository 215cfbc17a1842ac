import * as z from 'zod/mini';
import '../../core/schema-messages.ts';
import type { Digest } from '../../core/digest.ts';
import { RemoteError } from '../../core/errors.ts';
import { OCI_INDEX_TYPE } from '../../core/oci-release.ts';
import { descriptorSchema, type OciDescriptor } from '../../core/oci-descriptor.ts';
import type { FileManifest } from './file-manifest.ts';
import { jsonFrom } from '../../core/json-fields.ts';
import { pullManifest, pushManifest } from './manifests.ts';
import { pages } from './pages.ts';
import type { RegistrySession } from './session.ts';
import { referrersTag } from './tags.ts';

/** How often an index under a fallback tag is written again because others write it at the same time. */
const ATTEMPTS = 10;

const indexSchema = z.object({ manifests: z.array(descriptorSchema) });

/**
 * What refers to a manifest, by the referrers API or, where the registry lacks it, by its tag (OCI distribution
 * specification 1.1, "Listing Referrers").
 * @returns sorted by digest; none also when the subject is not there.
 */
export async function listReferrers(
  session: RegistrySession,
  subject: Digest,
  signal: AbortSignal | undefined,
): Promise<readonly OciDescriptor[]> {
  const found = [
    ...(await askedReferrers(session, subject, signal)),
    ...(await taggedReferrers(session, subject, signal)),
  ];
  const byDigest = new Map(found.map((each) => [each.digest, each]));
  return [...byDigest.values()].sort((a, b) => (a.digest < b.digest ? -1 : 1));
}

async function askedReferrers(
  session: RegistrySession,
  subject: Digest,
  signal: AbortSignal | undefined,
): Promise<readonly OciDescriptor[]> {
  const found: OciDescriptor[] = [];
  for await (const page of pages(session, `referrers/${subject}`, signal)) found.push(...descriptorsIn(page));
  return found;
}

async function taggedReferrers(
  session: RegistrySession,
  subject: Digest,
  signal: AbortSignal | undefined,
): Promise<readonly OciDescriptor[]> {
  const index = await pullManifest(session, referrersTag(subject), signal);
  return index === undefined ? [] : descriptorsIn(jsonFrom(index.bytes));
}

function descriptorsIn(json: unknown): readonly OciDescriptor[] {
  return indexSchema.safeParse(json).data?.manifests ?? [];
}

/**
 * Pushes a manifest that refers to another. A registry that does not say that it noticed (`OCI-Subject`) gets the index
 * of referrers from us, under a tag: writing it again until ours is in it, for others may write it too.
 * @throws RemoteError `UNREACHABLE` when others do so without end; as `pushManifest`.
 */
export async function pushReferrer(
  session: RegistrySession,
  subject: Digest,
  manifest: FileManifest,
  signal: AbortSignal | undefined,
): Promise<void> {
  const { descriptor, bytes } = manifest;
  const reply = await pushManifest(session, descriptor.digest, { ...descriptor, bytes }, signal);
  if (reply.headers.has('oci-subject')) return;
  for (let made = 0; made < ATTEMPTS; made += 1) {
    const listed = await taggedReferrers(session, subject, signal);
    if (listed.some(({ digest }) => digest === descriptor.digest)) return;
    const index = { schemaVersion: 2, mediaType: OCI_INDEX_TYPE, manifests: [...listed, descriptor] };
    const content = { bytes: Buffer.from(JSON.stringify(index)), mediaType: OCI_INDEX_TYPE };
    await pushManifest(session, referrersTag(subject), content, signal);
  }
  throw new RemoteError('UNREACHABLE', `${referrersTag(subject)} is written by others all the time`, {
    hint: 'try again when no other publication runs',
  });
}
