import { X509Certificate } from 'node:crypto';
import { messageOf, UsageError } from '../core/errors.ts';
import { readSmallText } from '../disk/small-file.ts';
import { displayUrl } from '../transfer/display-url.ts';
import { finding, type Finding } from './finding.ts';

type Environment = Readonly<Record<string, string | undefined>>;

const PROXIES = ['http_proxy', 'https_proxy'] as const;
/** A bundle of all public authorities has some 200 kB. */
const MAX_BYTES = 16 * 1024 * 1024;
const REMEDY = 'name a PEM file, or unset it';

/** Which proxies are used; their passwords are not shown. That they name proxies was checked before. */
export function proxyFindings(env: Environment): readonly Finding[] {
  const valueOf = (name: string): string | undefined => env[name] || env[name.toUpperCase()] || undefined;
  const named = PROXIES.flatMap((name) => {
    const value = valueOf(name);
    return value === undefined ? [] : [`${name} is ${displayUrl(value).replace(/\/$/, '')}`];
  });
  const direct = valueOf('no_proxy');
  const text =
    named.length === 0
      ? 'none: servers are reached directly'
      : [...named, ...(direct === undefined ? [] : [`not for ${direct}`])].join('; ');
  return [finding({ group: 'network', subject: 'proxy', state: 'ok', text })];
}

/**
 * Whether the files of further authorities can be read and hold certificates.
 * @throws UsageError `USAGE`.
 */
export async function examineAuthorities(name: string, path: string): Promise<readonly Finding[]> {
  const common = { group: 'network', subject: name } as const;
  const text = await readSmallText(path, MAX_BYTES).catch((error: unknown) => {
    throw new UsageError('USAGE', messageOf(error), { hint: REMEDY, cause: error });
  });
  const blocks = text.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [];
  const broken = blocks.filter((pem) => !isCertificate(pem)).length;
  const facts = { path, certificates: blocks.length, broken };
  if (blocks.length > 0 && broken === 0) {
    return [finding({ ...common, state: 'ok', text: `${blocks.length} certificates in ${path}`, facts })];
  }
  const why = blocks.length === 0 ? 'no certificate in PEM' : `${broken} certificates that cannot be read`;
  return [finding({ ...common, state: 'failed', text: `${path} has ${why}`, remedy: REMEDY, facts })];
}

function isCertificate(pem: string): boolean {
  try {
    return new X509Certificate(pem).subject !== '';
  } catch {
    return false;
  }
}
