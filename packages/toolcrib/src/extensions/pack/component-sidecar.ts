import * as z from 'zod/mini';
import '../../core/schema-messages.ts';
import { parseDocument } from '../../core/json-document.ts';

/** The entry of a pack that says which other entry is the component. */
export const SIDECAR_NAME = 'component.json';
/** In bytes. */
export const MAX_SIDECAR = 1024 ** 2;

/** What `component.json` says (docs/formats.md, "Extensions"). */
export interface ComponentSidecar {
  /** Informational: nobody compares it with the extension's. */
  readonly id: string;
  /** Name of the entry that is the component; blank where the pack has none. */
  readonly asset: string;
  /** As it stands there: `sha256:<hex>`, compared exactly with what is measured. */
  readonly digest: string;
}

const sidecarSchema = z.object({
  component: z.object({ id: z.string(), asset: z.string(), digest: z.string() }),
});

/** @param refuse makes the error of what is wrong with it. */
export function parseComponentSidecar(document: Uint8Array, refuse: (what: string) => Error): ComponentSidecar {
  return parseDocument(sidecarSchema, document, refuse).component;
}
