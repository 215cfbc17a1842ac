import * as z from 'zod/mini';
import '../../core/schema-messages.ts';
import { verifyListing } from '../listing-limit.ts';
import { pages } from './pages.ts';
import type { RegistrySession } from './session.ts';

const pageSchema = z.object({ tags: z.nullish(z.array(z.string())) });

/**
 * Every tag of the repository; none when it is not there.
 * @throws IntegrityError `TOO_LARGE`; as `pages`.
 */
export async function listTags(session: RegistrySession, signal: AbortSignal | undefined): Promise<readonly string[]> {
  const tags: string[] = [];
  for await (const page of pages(session, 'tags/list?n=1000', signal)) {
    for (const tag of pageSchema.safeParse(page).data?.tags ?? []) tags.push(tag);
    verifyListing(tags.length, session.address.base);
  }
  return tags;
}
