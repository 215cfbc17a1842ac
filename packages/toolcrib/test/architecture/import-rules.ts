import type { IForbiddenRuleType } from 'dependency-cruiser';

/**
 * Who may import whom, as rules for dependency-cruiser. Folders follow the way the bytes travel: CONTRIBUTING.md says it
 * in words. Paths are relative to the folder that holds `src`.
 */

/** What other folders of the same size build on; they know nothing above `core` but one another. */
const SUPPORTS = ['disk', 'tar', 'transfer', 'git'];
/** What several stages know of: signatures, releases as stores tell them, GitHub's API. */
const TRADES = ['attestations', 'releases', 'github'];
const STAGES = [
  'build',
  'publish',
  'check',
  'promote',
  'fetch',
  'mirror',
  'bundle',
  'resolve',
  'inject',
  'validate',
  'run',
  'extensions',
  'serve',
  'doctor',
];
const PORTS = ['stores', 'sandboxes'];

/** Paths below `src`, as regular expressions: a folder, or a file. */
const folder = (name: string): string => `${name}/`;
const PORT_FILES = PORTS.map((port) => `${port}/[^/]+\\.ts$`);
const CONFIG_TYPES = 'config/config\\.ts$';

/** For each folder of `src`: what it may import besides itself. Whoever adds a folder adds it here. */
export const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  core: [],
  ...Object.fromEntries(SUPPORTS.map((name) => [name, ['core', ...SUPPORTS].map(folder)])),
  config: ['core', ...SUPPORTS].map(folder),
  cache: ['core', ...SUPPORTS].map(folder),
  report: ['core', ...SUPPORTS].map(folder),
  ...Object.fromEntries(PORTS.map((name) => [name, ['core', ...SUPPORTS, 'github'].map(folder)])),
  ...Object.fromEntries(
    TRADES.map((name) => [name, [...['core', ...SUPPORTS, ...TRADES].map(folder), CONFIG_TYPES, ...PORT_FILES]]),
  ),
  ...Object.fromEntries(
    STAGES.map((name) => [
      name,
      [...['core', 'cache', ...SUPPORTS, ...TRADES].map(folder), CONFIG_TYPES, ...PORT_FILES],
    ]),
  ),
  flows: ['core', 'config', 'cache', 'report', ...SUPPORTS, ...TRADES, ...PORTS, ...STAGES].map(folder),
  cli: [...['core', 'flows', 'report', ...SUPPORTS].map(folder), CONFIG_TYPES, ...PORT_FILES],
  shims: [],
};

/** Packages that cost start-up time or reach the network, and the only places that need them. */
const HEAVY: Readonly<Record<string, readonly string[]>> = {
  '@aws-sdk': ['stores/s3/'],
  '@smithy': ['stores/s3/'],
  undici: ['stores/', 'sandboxes/docker/', 'transfer/'],
  'tar-stream': ['tar/'],
  commander: ['cli/'],
  '@octokit': ['github/', 'stores/github/'],
  fastify: ['serve/'],
  yauzl: ['extensions/', 'github/'],
  yazl: ['extensions/'],
  yaml: ['extensions/secrets/'],
  '@sigstore': ['attestations/'],
};

const src = (paths: readonly string[]): string => `^src/(?:${paths.join('|')})`;

const folderRules = Object.entries(MAY_IMPORT).map(([name, others]): IForbiddenRuleType => ({
  name: `${name}-imports`,
  comment: `src/${name} imports only itself${others.length === 0 ? '' : `, ${others.join(', ')}`}`,
  severity: 'error',
  from: { path: src([folder(name)]) },
  to: { path: '^src/', pathNot: src([folder(name), ...others]) },
}));

const heavyRules = Object.entries(HEAVY).map(([name, places]): IForbiddenRuleType => ({
  name: `${name.replace('@', '')}-only-where-needed`,
  comment: `${name} is imported only in ${places.join(', ')}`,
  severity: 'error',
  from: { path: '^src/', pathNot: src(places) },
  to: { path: `node_modules/${name}/` },
}));

const implementationRules = PORTS.flatMap((port): IForbiddenRuleType[] => [
  {
    name: `${port}-implementations-apart`,
    comment: `one implementation in src/${port} never imports another`,
    severity: 'error',
    from: { path: `^src/${port}/([^/]+)/` },
    to: { path: `^src/${port}/[^/]+/`, pathNot: `^src/${port}/$1/` },
  },
  {
    name: `${port}-port-knows-no-implementation`,
    comment: `the port and its decorators stand directly in src/${port} and import no implementation`,
    severity: 'error',
    from: { path: `^src/${PORT_FILES[PORTS.indexOf(port)] ?? ''}` },
    to: { path: `^src/${port}/[^/]+/` },
  },
  {
    name: `${port}-are-picked-lazily`,
    comment: `flows load implementations in src/${port} with await import: the command line starts fast`,
    severity: 'error',
    from: { path: '^src/flows/' },
    to: { path: `^src/${port}/[^/]+/`, dynamic: false, dependencyTypesNot: ['type-only'] },
  },
]);

export const IMPORT_RULES: readonly IForbiddenRuleType[] = [
  ...folderRules,
  ...implementationRules,
  ...heavyRules,
  {
    name: 'core-is-pure',
    comment: 'src/core uses node:crypto and zod, and nothing else from outside: no files, network, clock, environment',
    severity: 'error',
    from: { path: '^src/core/' },
    to: { pathNot: ['^src/', '^(?:node:)?crypto$', 'node_modules/zod/'] },
  },
  {
    name: 'shims-stand-alone',
    comment: 'src/shims runs in processes of somebody else: it uses Node and nothing else',
    severity: 'error',
    from: { path: '^src/shims/' },
    to: { pathNot: ['^src/shims/'], dependencyTypesNot: ['core'] },
  },
  {
    name: 'config-only-types',
    comment: 'stages and the command line take normalised configuration as types; they never read it themselves',
    severity: 'error',
    from: { path: src([...STAGES, 'cli'].map(folder)) },
    to: { path: src([folder('config')]), dependencyTypesNot: ['type-only'] },
  },
  {
    name: 'index-imports',
    comment: 'the public API does its work through flows; of everything else it hands on types',
    severity: 'error',
    from: { path: '^src/index\\.ts$' },
    to: {
      path: '^src/',
      pathNot: src(['core', 'flows'].map(folder)),
      dependencyTypesNot: ['type-only'],
    },
  },
  {
    name: 'ext-local-reaches-no-network',
    comment: 'from src/ext-local.ts no code is reachable that opens a socket or starts a program',
    severity: 'error',
    from: { path: '^src/ext-local\\.ts$' },
    to: {
      path: [
        src(['transfer', 'stores', 'sandboxes', 'github', 'git', 'serve', 'flows', 'cli', 'cache'].map(folder)),
        String.raw`^(?:node:)?(?:child_process|cluster|dgram|dns|http|http2|https|inspector|net|tls|worker_threads)(?:/|$)`,
        String.raw`node_modules/(?:undici|fastify|@octokit|@aws-sdk|@smithy)/`,
      ],
      reachable: true,
    },
  },
  {
    name: 'no-circles',
    comment: 'no file imports itself by way of others; circles of types alone cost nothing',
    severity: 'error',
    from: { path: '^src/' },
    to: { circular: true, viaOnly: { dependencyTypesNot: ['type-only'] } },
  },
  {
    name: 'no-tests',
    comment: 'src imports nothing of test',
    severity: 'error',
    from: { path: '^src/' },
    to: { path: '^test/' },
  },
];
