import * as z from 'zod/mini';
import './schema-messages.ts';
import { isDigest, type Digest } from './digest.ts';

/** Of what an HTTP store says it holds: docs/formats.md. */
export const LISTING_SCHEMA = 'toolcrib.listing.v1';

/** A file as its store lists it. */
export interface ListedFile {
  readonly name: string;
  /** In bytes. */
  readonly size: number;
  readonly digest: Digest;
}

/** What an HTTP store answers to who asks for JSON at its base. */
export interface StoreListing {
  readonly schema: typeof LISTING_SCHEMA;
  readonly files: readonly ListedFile[];
}

const listingSchema = z.strictObject({
  schema: z.literal(LISTING_SCHEMA),
  files: z.array(
    z.strictObject({
      name: z.string(),
      size: z.int().check(z.minimum(0)),
      digest: z.custom<Digest>((value) => typeof value === 'string' && isDigest(value)),
    }),
  ),
});

/** Compact JSON and a newline, sorted by name. Same files, same bytes. */
export function formatStoreListing(files: readonly ListedFile[]): string {
  const ordered = files
    .map(({ name, size, digest }) => ({ name, size, digest }))
    .sort((a, b) => (a.name < b.name ? -1 : 1));
  return `${JSON.stringify({ schema: LISTING_SCHEMA, files: ordered })}\n`;
}

/** Undefined for a text that is no listing: the page of a server that keeps files and knows nothing of stores. */
export function storeListingFrom(text: string): StoreListing | undefined {
  const listing = listingSchema.safeParse(parseJson(text));
  return listing.success ? listing.data : undefined;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
