/** A key of git's configuration and its value, e.g. `['core.fsmonitor', 'false']`. */
export type GitSetting = readonly [key: string, value: string];

type Environment = Readonly<Record<string, string | undefined>>;

/** What git and the machine need: how programs are found, whose configuration counts, where temporary files go. */
const KEPT = ['PATH', 'HOME', 'XDG_CONFIG_HOME', 'USERPROFILE', 'SYSTEMROOT', 'TMPDIR', 'TEMP', 'TMP'];
/** Variables by which a user or an administrator says which configuration counts and where repositories end. */
const KEPT_OF_GIT =
  /^GIT_(?:CONFIG_(?:GLOBAL|SYSTEM|NOSYSTEM|(?:KEY|VALUE)_\d+)|CEILING_DIRECTORIES|DISCOVERY_ACROSS_FILESYSTEM)$/;

/**
 * Settings that keep a repository from running programs of its choice while it is read, and from asking the network:
 * what is read may be somebody's pull request. They stand above every configuration file (git-config(1), "command").
 */
const SAFE_SETTINGS: readonly GitSetting[] = [
  ['core.fsmonitor', 'false'],
  ['core.hooksPath', '/dev/null'],
  ['core.pager', 'cat'],
  ['diff.external', ''],
  ['log.showSignature', 'false'],
  // A missing object of a partial clone would be fetched by programs that the repository names.
  ['protocol.allow', 'never'],
  // A folder of the tree that is made to look like a repository is not taken for one.
  ['safe.bareRepository', 'explicit'],
];

/**
 * The environment that git is run in: nothing of the caller's but what it needs to find itself and its user's
 * configuration, messages in English, and the settings that keep a repository from running programs.
 * @param more settings beside {@link SAFE_SETTINGS}, e.g. for filters.
 */
export function gitEnvironment(env: Environment, more: readonly GitSetting[] = []): Record<string, string> {
  const kept = Object.entries(env).flatMap(([name, value]): [string, string][] =>
    value !== undefined && (KEPT.includes(name) || KEPT_OF_GIT.test(name)) ? [[name, value]] : [],
  );
  const given = numberOfSettings(env);
  const settings = [...SAFE_SETTINGS, ...more].flatMap(([key, value], index): [string, string][] => [
    [`GIT_CONFIG_KEY_${given + index}`, key],
    [`GIT_CONFIG_VALUE_${given + index}`, value],
  ]);
  return {
    ...Object.fromEntries([...kept, ...settings]),
    GIT_CONFIG_COUNT: String(given + settings.length / 2),
    GIT_ALLOW_PROTOCOL: '',
    GIT_NO_LAZY_FETCH: '1',
    GIT_NO_REPLACE_OBJECTS: '1',
    GIT_OPTIONAL_LOCKS: '0',
    GIT_TERMINAL_PROMPT: '0',
    LC_ALL: 'C',
  };
}

/** How many settings the user's own environment carries: ours come after them, for the last one counts. */
function numberOfSettings(env: Environment): number {
  const count = env['GIT_CONFIG_COUNT'] ?? '';
  return /^\d{1,4}$/.test(count) ? Number(count) : 0;
}
