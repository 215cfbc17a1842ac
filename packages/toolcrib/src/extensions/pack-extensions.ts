import * as z from 'zod/mini';
import { UsageError } from '../core/errors.ts';
import { parseDocument } from '../core/json-document.ts';
import { quoted } from '../core/printable.ts';
import '../core/schema-messages.ts';
import { quotedReference } from '../core/shown-reference.ts';
import { refuseDuplicates, refuseEmpty, type Refuse } from './refuse-entry.ts';
import { mayMove, sourceKindOf, type SourceKind } from './extension-source.ts';

/** What the file is called in the directory of a pack. */
export const PACK_EXTENSIONS_NAME = 'pack.extensions.json';

/** An extension that a pack depends on, as `pack.extensions.json` declares it: docs/formats.md, "Extensions". */
export interface ExtensionDependency {
  readonly id: string;
  readonly role: string;
  readonly kind: SourceKind;
  /** As it is written, e.g. `store://http@1.2.0`. */
  readonly reference: string;
  /** True: the reference may be a name that can be moved to other bytes. */
  readonly allowTags: boolean;
}

/** A `pack.extensions.json`, read. */
export interface PackExtensions {
  /** In the order of the file; ids are unique. */
  readonly extensions: readonly ExtensionDependency[];
  /** As it was read, with whatever else stands in it. */
  readonly document: PackExtensionsDocument;
}

const sourceSchema = z.looseObject({
  kind: z.string(),
  ref: z.string(),
  allow_tags: z._default(z.boolean(), false),
});
const extensionSchema = z.looseObject({ id: z.string(), role: z.string(), source: sourceSchema });
const documentSchema = z.looseObject({
  version: z.literal(1),
  extensions: z._default(z.array(extensionSchema), []),
});

export type PackExtensionsDocument = z.infer<typeof documentSchema>;

/** Before there is one. */
export const NO_PACK_EXTENSIONS: PackExtensions = { extensions: [], document: { version: 1, extensions: [] } };

/**
 * Reads a `pack.extensions.json`. Keys that the format does not name are somebody else's.
 * @param where path of the file, for messages.
 * @throws UsageError `CONFIG_INVALID`, quoting the extension; `REFERENCE_INVALID` for a source of an unknown scheme.
 */
export function parsePackExtensions(text: Uint8Array | string, where: string): PackExtensions {
  const refuse: Refuse = (what) =>
    new UsageError('CONFIG_INVALID', `${where}: ${what}`, {
      hint: 'docs/guides/extensions.md shows one; "toolcrib ext add" writes one',
      details: { file: where },
    });
  const document = parseDocument(documentSchema, text, refuse);
  const extensions = document.extensions.map((extension) => dependencyOf(extension, refuse));
  refuseDuplicates(extensions, refuse);
  return { extensions, document };
}

function dependencyOf({ id, role, source }: z.infer<typeof extensionSchema>, refuse: Refuse): ExtensionDependency {
  const { kind, ref, allow_tags: allowTags } = source;
  refuseEmpty({ id, role, 'source.kind': kind, 'source.ref': ref }, refuse);
  const scheme = sourceKindOf(ref);
  const extension = `extension ${quoted(id)}`;
  if (kind !== scheme) {
    throw refuse(
      `${extension} has source.kind ${quoted(kind)}, and its ref ${quotedReference(ref)} is of kind "${scheme}"`,
    );
  }
  if (mayMove(scheme) && !allowTags && !ref.includes('@sha256:')) {
    throw refuse(
      `${extension} has ref ${quotedReference(ref)}, which must have a digest (@sha256:…) or "allow_tags": true`,
    );
  }
  return { id, role, kind: scheme, reference: ref, allowTags };
}

/**
 * The text of a `pack.extensions.json` with an extension declared, in the place of one of the same id. The rest of the
 * document stays as it is.
 */
export function declareExtension({ document }: PackExtensions, dependency: ExtensionDependency): string {
  const { id, role, kind, reference, allowTags } = dependency;
  const existing = document.extensions.find((extension) => extension.id === id);
  const source = { ...existing?.source, kind, ref: reference, allow_tags: allowTags };
  const declared = { ...existing, id, role, source };
  const extensions =
    existing === undefined
      ? [...document.extensions, declared]
      : document.extensions.map((extension) => (extension === existing ? declared : extension));
  return `${JSON.stringify({ ...document, extensions }, undefined, 2)}\n`;
}
