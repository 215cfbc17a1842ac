/** What a registry demands before it answers: RFC 9110, 11.6.1; its parameters for Bearer: distribution's "Token Authentication". */
export type Challenge =
  | { readonly scheme: 'basic' }
  | {
      readonly scheme: 'bearer';
      readonly realm: string;
      readonly service: string | undefined;
      readonly scope: string | undefined;
    };

/**
 * Reads a `WWW-Authenticate` header. Bearer wins where both are offered.
 * @returns undefined when it holds neither.
 */
export function parseChallenge(header: string | undefined): Challenge | undefined {
  const challenges = challengesIn(header ?? '');
  const bearer = challenges.find(({ scheme, parameters }) => scheme === 'bearer' && parameters.has('realm'));
  const realm = bearer?.parameters.get('realm');
  if (bearer !== undefined && realm !== undefined) {
    const { parameters } = bearer;
    return { scheme: 'bearer', realm, service: parameters.get('service'), scope: parameters.get('scope') };
  }
  return challenges.some(({ scheme }) => scheme === 'basic') ? { scheme: 'basic' } : undefined;
}

interface RawChallenge {
  readonly scheme: string;
  readonly parameters: Map<string, string>;
}

const TOKEN = String.raw`[!#$%&'*+.^_\x60|~0-9A-Za-z-]+`;
/** A parameter, or a scheme that begins the next challenge. */
const PART = new RegExp(
  String.raw`[\s,]*(?:(?<key>${TOKEN})\s*=\s*(?:"(?<quoted>(?:[^"\\]|\\.)*)"|(?<bare>${TOKEN}))|(?<scheme>${TOKEN})(?=[\s,]|$))`,
  'gy',
);

function challengesIn(header: string): readonly RawChallenge[] {
  const challenges: RawChallenge[] = [];
  for (const { groups = {} } of header.slice(0, 8192).matchAll(PART)) {
    const { key, quoted, bare, scheme } = groups;
    if (scheme !== undefined) challenges.push({ scheme: scheme.toLowerCase(), parameters: new Map() });
    else if (key !== undefined)
      challenges.at(-1)?.parameters.set(key.toLowerCase(), quoted?.replaceAll(/\\(.)/g, '$1') ?? bare ?? '');
  }
  return challenges;
}
