import { isToolName } from '../core/artifact-name.ts';
import { BYTE_SIZE_FORMS, byteSizeFrom, MAX_AGE_DAYS } from '../core/cache-limits.ts';
import { messageOf, ToolcribError } from '../core/errors.ts';
import { IMAGE_REFERENCE_FORM, isImageReference } from '../core/image-reference.ts';
import { parseOciBase } from '../core/oci-location.ts';
import { parseStoreReference } from '../core/reference.ts';
import * as z from 'zod/mini';
import '../core/schema-messages.ts';
import { subjectPattern } from '../core/subject-pattern.ts';
import { TARGET_NAMES } from '../core/target.ts';
import { unsteadyMagic } from '../git/pathspec.ts';
import { DEFAULT_INSTALL } from './install.ts';

const text = z.string().check(z.minLength(1));

/** A text that a parser of ours takes. */
const parsedBy = (parse: (value: string) => unknown) =>
  z.string().check((context) => {
    try {
      parse(context.value);
    } catch (error) {
      const hint = error instanceof ToolcribError && error.hint !== undefined ? ` (${error.hint})` : '';
      context.issues.push({ code: 'custom', message: `${messageOf(error)}${hint}`, input: context.value });
    }
  });

const storeUrl = parsedBy(parseStoreReference);

const absolutePath = z
  .string()
  .check(z.regex(/^\/(?!.*(?:^|\/)\.\.?(?:\/|$))[^\0]+$/, 'expected an absolute path without . or ..'));

/** A git pathspec that means the same whatever is checked out: see {@link unsteadyMagic}. */
const pathspec = text.check((context) => {
  const why = unsteadyMagic(context.value);
  if (why === undefined) return;
  context.issues.push({ code: 'custom', message: `${JSON.stringify(context.value)} ${why}`, input: context.value });
});

/** An object whose unknown keys are refused, naming those that there are. */
function strict<Shape extends z.core.$ZodShape>(shape: Shape) {
  const allowed = Object.keys(shape).join(', ');
  return z.strictObject(shape, {
    error: (issue) => {
      if (issue.code !== 'unrecognized_keys') return undefined;
      return `unknown key ${issue.keys.map((key) => JSON.stringify(key)).join(', ')}, allowed: ${allowed}`;
    },
  });
}

const build = z.discriminatedUnion('driver', [
  strict({ driver: z.literal('bun'), entry: text }),
  strict({ driver: z.literal('command'), command: text }),
  strict({
    driver: z.literal('docker'),
    context: z._default(text, '.'),
    dockerfile: z.optional(text),
    output: absolutePath,
  }),
]);

/** Exact, or a regular expression between `^` and `$`. */
const subject = text.check((context) => {
  try {
    subjectPattern(context.value);
  } catch (error) {
    context.issues.push({ code: 'custom', message: messageOf(error), input: context.value });
  }
});

const identity = strict({ issuer: z.url(), subject });

const attestation = strict({
  require: z._default(z.boolean(), false),
  publicKeys: z._default(z.array(text), []),
  identities: z._default(z.array(identity), []),
  source: z.optional(strict({ repository: z.optional(z.url()), workflow: z.optional(text), ref: z.optional(text) })),
  trustedRoot: z.optional(text),
  trustedRootDigest: z.optional(
    z.string().check(z.regex(/^sha256:[0-9a-f]{64}$/, 'expected sha256:<64 lowercase hex>')),
  ),
});

const cache = strict({
  maxBytes: z.optional(
    z.union([
      z.int().check(z.minimum(0)),
      z.string().check(z.refine((value) => byteSizeFrom(value) !== undefined, `expected ${BYTE_SIZE_FORMS}`)),
    ]),
  ),
  maxAgeDays: z.optional(z.number().check(z.minimum(0), z.maximum(MAX_AGE_DAYS))),
});

/** `toolcrib.json` as it is written. Defaults are filled in when it is normalised. */
export const configFileSchema = z.strictObject({
  $schema: z.optional(z.string()),
  tool: z.string().check(z.refine(isToolName, 'expected lower-case words joined by single dashes')),
  versionFile: z._default(text, 'tool-version.txt'),
  sumsFile: z._default(text, 'SHA256SUMS'),
  binaries: z._default(text, 'binaries'),
  sources: z._default(z.array(pathspec), []),
  baseBranch: z._default(text, 'main'),
  targets: z.array(z.enum(TARGET_NAMES)).check(
    z.minLength(1),
    z.refine((targets) => new Set(targets).size === targets.length, 'a target is listed twice'),
  ),
  build: z.optional(build),
  stores: z._default(z.array(storeUrl), []),
  rewrite: z._default(z.array(strict({ from: z.url(), to: z.url() })), []),
  entrypoint: z.optional(z.array(z.string()).check(z.minLength(1))),
  healthcheck: z._default(z.array(z.string()).check(z.minLength(1)), ['healthcheck']),
  attestation: z.optional(attestation),
  install: z._default(z.array(absolutePath).check(z.minLength(1)), [...DEFAULT_INSTALL]),
  images: z._default(
    z
      .array(z.string().check(z.refine(isImageReference, IMAGE_REFERENCE_FORM)))
      .check(z.refine((images) => new Set(images).size === images.length, 'an image is listed twice')),
    [],
  ),
  cache: z.optional(cache),
  repoBase: z.optional(parsedBy(parseOciBase)),
});

export type ConfigFile = z.infer<typeof configFileSchema>;
