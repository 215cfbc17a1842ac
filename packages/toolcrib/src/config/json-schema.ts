import * as z from 'zod/mini';
import { configFileSchema, type ConfigFile } from './schema.ts';

/** What an editor shows beside each key. */
const DESCRIPTIONS: Readonly<Record<keyof ConfigFile, string>> = {
  $schema: 'Where editors find this schema.',
  tool: 'Name of the tool: lower-case words joined by single dashes.',
  versionFile: 'File under git that holds the version, one whole number from 1 on. Relative to this file.',
  sumsFile: 'File under git that pins the digest of every artifact of the current version. Relative to this file.',
  binaries: 'Folder that artifacts are built into and fetched into. Not under git. Relative to this file.',
  sources: 'Git pathspecs of what an artifact is made from. None: the folder of this file, but for the sums file.',
  baseBranch: 'The branch that is released from.',
  targets: 'What artifacts are built for: an architecture, and the C library that they need (any: none).',
  build: 'How an artifact is built.',
  stores:
    'Where releases are published and fetched, in this order: file:DIR, s3://BUCKET[/PREFIX], github:OWNER/REPO, oci://HOST/REPOSITORY or https://HOST/BASE.',
  rewrite: 'Replaces the beginning of addresses that artifacts are fetched from, e.g. by that of a mirror.',
  entrypoint: 'How to start an artifact that has no descriptor: elements that exist in it are relative to its root.',
  healthcheck: 'Arguments of the health check, for artifacts that have no descriptor.',
  attestation: 'Who must have signed an artifact before it is used.',
  install: 'Folders in a sandbox that tools are placed in, absolute, in order of preference.',
  images: 'Images of a container engine that "toolcrib validate" tries the tool in, e.g. debian:12.',
  cache: 'How much "toolcrib cache gc" leaves in the cache: maxBytes (a number, or e.g. "5GB"), maxAgeDays.',
  repoBase: 'The registry that repo:// references of extensions stand below: https://HOST[/PREFIX].',
};

/** The JSON Schema of `toolcrib.json` that is published with the package. */
export function configJsonSchema(): Record<string, unknown> {
  const {
    $schema,
    properties = {},
    ...rest
  } = z.toJSONSchema(configFileSchema, { io: 'input', unrepresentable: 'any' });
  const described = Object.entries(DESCRIPTIONS).map(([key, description]) => [
    key,
    { description, ...describable(properties[key]) },
  ]);
  return { $schema, title: 'toolcrib.json', ...rest, properties: Object.fromEntries(described) as unknown };
}

/** A schema may also be `true` or `false`; ours are objects. */
function describable(schema: unknown): object {
  return typeof schema === 'object' && schema !== null ? schema : {};
}
