import { join } from 'node:path';
import * as z from 'zod/mini';
import '../../core/schema-messages.ts';
import { hasCode, messageOf, UsageError } from '../../core/errors.ts';
import { readSmallText } from '../../disk/small-file.ts';
import { jsonFrom } from '../../core/json-fields.ts';

/** What a user has for a registry. */
export type RegistryCredentials =
  | { readonly kind: 'password'; readonly user: string; readonly password: string }
  /** A refresh token, which only a token server takes. */
  | { readonly kind: 'identity'; readonly token: string };

/** Where a registry's credentials come from by `config.json` of Docker. */
export type CredentialSource =
  | { readonly kind: 'helper'; readonly helper: string; readonly key: string }
  | { readonly kind: 'stored'; readonly credentials: RegistryCredentials };

const configSchema = z.object({
  auths: z.optional(
    z.record(
      z.string(),
      z.object({
        auth: z.optional(z.string()),
        username: z.optional(z.string()),
        password: z.optional(z.string()),
        identitytoken: z.optional(z.string()),
      }),
    ),
  ),
  credHelpers: z.optional(z.record(z.string(), z.string())),
  credsStore: z.optional(z.string()),
});

const MAX_BYTES = 1024 * 1024;

export type DockerConfig = z.infer<typeof configSchema>;

/**
 * Reads the configuration that `docker login` writes.
 * @param folder `DOCKER_CONFIG` or `~/.docker`; undefined: there is none.
 * @throws UsageError `CONFIG_INVALID` for a file that is none, without quoting it: it holds secrets.
 */
export async function readDockerConfig(folder: string | undefined): Promise<DockerConfig> {
  if (folder === undefined) return {};
  const path = join(folder, 'config.json');
  const text = await readText(path);
  if (text === undefined) return {};
  const config = configSchema.safeParse(jsonFrom(text));
  if (config.data !== undefined) return config.data;
  throw new UsageError('CONFIG_INVALID', `${path} is not a configuration of Docker`, {
    hint: 'repair it, log in again with "docker login", or name another folder in DOCKER_CONFIG',
    details: { path },
  });
}

async function readText(path: string): Promise<string | undefined> {
  try {
    return await readSmallText(path, MAX_BYTES);
  } catch (error) {
    if (hasCode(error, 'NOT_FOUND')) return undefined;
    throw new UsageError('CONFIG_INVALID', `cannot read ${path}: ${messageOf(error)}`, {
      hint: 'make it readable, or name another folder in DOCKER_CONFIG',
      cause: error,
    });
  }
}

/**
 * In the order in which Docker looks: the helper of that registry, the one for all, the file itself.
 * @param host with its port.
 */
export function credentialSourceOf(config: DockerConfig, host: string): CredentialSource | undefined {
  const keys = keysOf(host);
  const own = keys.find((key) => config.credHelpers?.[key] !== undefined);
  const helper = own === undefined ? config.credsStore : config.credHelpers?.[own];
  const [key = host] = keys;
  if (helper !== undefined && helper !== '') return { kind: 'helper', helper, key: own ?? key };
  const entry = Object.entries(config.auths ?? {}).find(([name]) => keys.includes(name) || keys.includes(hostOf(name)));
  const credentials = entry && storedCredentials(entry[1]);
  return credentials && { kind: 'stored', credentials };
}

/** Docker Hub is written in the way of its first API. */
function keysOf(host: string): readonly string[] {
  const isHub = ['docker.io', 'index.docker.io', 'registry-1.docker.io'].includes(host);
  return isHub ? ['https://index.docker.io/v1/', 'docker.io', 'index.docker.io', host] : [host];
}

/** Of `https://host/v1/`, as older clients wrote it. */
function hostOf(key: string): string {
  return /^https?:\/\/(?<host>[^/]+)/.exec(key)?.groups?.['host'] ?? key;
}

type Entry = NonNullable<DockerConfig['auths']>[string];

function storedCredentials({ auth, username, password, identitytoken }: Entry): RegistryCredentials | undefined {
  if (identitytoken) return { kind: 'identity', token: identitytoken };
  if (username && password) return { kind: 'password', user: username, password };
  const pair = Buffer.from(auth ?? '', 'base64').toString('utf8');
  const colon = pair.indexOf(':');
  if (colon <= 0) return undefined;
  // Written by C programs, some end with a zero byte; Docker takes it away too.
  return { kind: 'password', user: pair.slice(0, colon), password: pair.slice(colon + 1).replaceAll('\0', '') };
}
