import { isToolName } from './artifact-name.ts';
import { isDigest, type Digest } from './digest.ts';
import { IntegrityError } from './errors.ts';
import { parseDocument } from './json-document.ts';
import * as z from 'zod/mini';
import './schema-messages.ts';

export const RECEIPT_SCHEMA = 'toolcrib.receipt.v1';

/** Who published what, from where, to which stores: docs/formats.md. Holds no secret. */
export interface Receipt {
  readonly schema: typeof RECEIPT_SCHEMA;
  readonly action: 'publish' | 'promote';
  readonly tool: string;
  readonly version: number;
  /** `from` says who says so: a name is as good as that. */
  readonly actor: { readonly name: string | null; readonly from: 'GITHUB_ACTOR' | 'operating system' };
  /** URL of the run of the workflow that published; null outside of one. */
  readonly run: string | null;
  /** What the artifacts were built from; null where nobody knows. */
  readonly source: {
    readonly repository: string | null;
    readonly commit: string | null;
    /** Of the commit, ISO 8601. */
    readonly date: string | null;
    readonly ref: string | null;
  };
  /** The artifacts, sorted by name. */
  readonly files: readonly ReceiptFile[];
  readonly stores: readonly ReceiptStore[];
  /** When, ISO 8601 in UTC. */
  readonly at: string;
}

export interface ReceiptFile {
  readonly name: string;
  readonly digest: Digest;
  /** In bytes. */
  readonly size: number;
  /** Name of the attestation beside it, if there is one. */
  readonly attestation: string | null;
}

export interface ReceiptStore {
  /** As the user wrote it. */
  readonly store: string;
  readonly outcome: 'published' | 'already-published' | 'failed';
  /** Code of what went wrong; null when nothing did. */
  readonly error: string | null;
}

const text = z.nullable(z.string());

const receiptSchema = z.strictObject({
  schema: z.literal(RECEIPT_SCHEMA),
  action: z.enum(['publish', 'promote']),
  tool: z.string().check(z.refine(isToolName)),
  version: z.int().check(z.minimum(1)),
  actor: z.strictObject({ name: text, from: z.enum(['GITHUB_ACTOR', 'operating system']) }),
  run: text,
  source: z.strictObject({ repository: text, commit: text, date: text, ref: text }),
  files: z.array(
    z.strictObject({
      name: z.string(),
      digest: z.custom<Digest>(
        (value) => typeof value === 'string' && isDigest(value),
        'expected sha256:<64 lowercase hex>',
      ),
      size: z.int().check(z.minimum(0)),
      attestation: text,
    }),
  ),
  stores: z.array(
    z.strictObject({
      store: z.string(),
      outcome: z.enum(['published', 'already-published', 'failed']),
      error: text,
    }),
  ),
  at: z.iso.datetime(),
});

/** Compact JSON with keys in the order of the interface, files sorted by name, and a newline. Same input, same bytes. */
export function formatReceipt(receipt: Receipt): string {
  const { schema, action, tool, version, actor, run, source, files, stores, at } = receipt;
  const { repository, commit, date, ref } = source;
  return `${JSON.stringify({
    schema,
    action,
    tool,
    version,
    actor: { name: actor.name, from: actor.from },
    run,
    source: { repository, commit, date, ref },
    files: sortedByName(files).map(({ name, digest, size, attestation }) => ({ name, digest, size, attestation })),
    stores: stores.map(({ store, outcome, error }) => ({ store, outcome, error })),
    at,
  })}\n`;
}

/**
 * @param where the path or URL it came from, named in errors.
 * @throws IntegrityError `MALFORMED`.
 */
export function parseReceipt(json: string, where: string): Receipt {
  return parseDocument(receiptSchema, json, (what) => malformed(where, what));
}

function malformed(where: string, what: string): IntegrityError {
  return new IntegrityError('MALFORMED', `${where} is not a receipt: ${what}`);
}

/** The same facts for people. Without `stores` it tells what is known before a release is complete. */
export function formatReceiptMarkdown(receipt: Omit<Receipt, 'stores'> & Partial<Pick<Receipt, 'stores'>>): string {
  const { tool, version, files, stores } = receipt;
  const fileRows = sortedByName(files).map(({ name, digest, size, attestation }) => [
    code(name),
    String(size),
    code(digest),
    attestation === null ? 'none' : code(attestation),
  ]);
  const storeRows = stores?.map(({ store, outcome, error }) => [
    code(store),
    error === null ? outcome : `${outcome}: ${code(error)}`,
  ]);
  return [
    `### ${tool} v${version}`,
    factsOf(receipt),
    table(['file', 'bytes', 'digest', 'attestation'], fileRows),
    ...(storeRows === undefined ? [] : [table(['store', 'outcome'], storeRows)]),
  ].join('\n\n');
}

function factsOf({ action, actor, run, source, at }: Omit<Receipt, 'stores'>): string {
  const who = actor.name === null ? 'an unknown user' : `${code(actor.name)} (according to ${actor.from})`;
  const facts: [string, string | null][] = [
    [action === 'promote' ? 'promoted by' : 'published by', who],
    ['at', at],
    ['commit', source.commit && code(source.commit)],
    ['of', source.date && code(source.date)],
    ['repository', source.repository && link(source.repository)],
    ['ref', source.ref && code(source.ref)],
    ['run', run && link(run)],
  ];
  return facts.flatMap(([name, value]) => (value ? [`- ${name} ${value}`] : [])).join('\n');
}

function table(titles: readonly string[], rows: readonly (readonly string[])[]): string {
  const lines = [titles, titles.map(() => '---'), ...rows];
  return lines.map((cells) => `| ${cells.join(' | ')} |`).join('\n');
}

/** A code span that ends where it should: what somebody else named cannot become markup or another cell. */
function code(value: string): string {
  return `\`${plain(value)}\``;
}

function link(value: string): string {
  const url = URL.parse(value);
  if (url === null || !['https:', 'http:'].includes(url.protocol)) return code(value);
  return `<${plain(`${url.origin}${url.pathname}`)}>`;
}

function plain(value: string): string {
  return value.replace(/[`|<>\\\p{Cc}\p{Zl}\p{Zp}]/gu, '_');
}

function sortedByName(files: readonly ReceiptFile[]): readonly ReceiptFile[] {
  return [...files].sort((a, b) => (a.name < b.name ? -1 : a.name === b.name ? 0 : 1));
}
