/** Rules that leave the open of a path out of the kernel layer, each with how much it hid before anything was opened. */
export const HIDES_NONE = {
  loader_cache: 0,
  local_time: 0,
  openssl_config: 0,
  python_bootstrap: 0,
  system_library: 0,
  locale: 0,
  node_modules: 0,
  proc: 0,
  sys: 0,
  dev: 0,
  rustup_library: 0,
  cargo_library: 0,
} as const;

export type HidingRule = keyof typeof HIDES_NONE;

const WHOLE_PATHS: ReadonlyMap<string, HidingRule> = new Map([
  ['/etc/ld.so.cache', 'loader_cache'],
  ['/etc/localtime', 'local_time'],
  ['/etc/ssl/openssl.cnf', 'openssl_config'],
  ['/usr/pyvenv.cfg', 'python_bootstrap'],
  ['/usr/bin/pyvenv.cfg', 'python_bootstrap'],
  ['/usr/bin/python3._pth', 'python_bootstrap'],
  ['/usr/bin/python3.12._pth', 'python_bootstrap'],
  ['/usr/bin/pybuilddir.txt', 'python_bootstrap'],
]);

const PREFIXES: readonly { readonly prefix: string; readonly rule: HidingRule }[] = [
  { prefix: '/lib/', rule: 'system_library' },
  { prefix: '/lib32/', rule: 'system_library' },
  { prefix: '/lib64/', rule: 'system_library' },
  { prefix: '/usr/lib/', rule: 'system_library' },
  { prefix: '/usr/share/locale/', rule: 'locale' },
  { prefix: '/proc/', rule: 'proc' },
  { prefix: '/sys/', rule: 'sys' },
  { prefix: '/dev/', rule: 'dev' },
];

/**
 * The rule that leaves the open of a path out of the kernel layer: what a run opens of loader, locale and kernel says
 * how the host is set up, not what the command did. The list is that of the format (`core/kernel/decode.rs`), neither
 * shorter nor longer, so that layers of different writers compare; like there it looks at the path **as it was given**.
 * @returns undefined when the open stays.
 */
export function hidingRule(path: string): HidingRule | undefined {
  if (path.startsWith('/')) {
    const rule = WHOLE_PATHS.get(path) ?? PREFIXES.find(({ prefix }) => path.startsWith(prefix))?.rule;
    if (rule !== undefined) return rule;
  }
  if (path.includes('/node_modules/')) return 'node_modules';
  return isSharedObject(path) ? toolchainRule(path) : undefined;
}

function isSharedObject(path: string): boolean {
  return path.endsWith('.so') || path.includes('.so.');
}

function toolchainRule(path: string): HidingRule | undefined {
  if (path.includes('/.rustup/toolchains/')) return 'rustup_library';
  const isBuilt = path.includes('/build/') || path.includes('/debug/') || path.includes('/release/');
  return isBuilt && path.includes('/target/') ? 'cargo_library' : undefined;
}

const UPWARDS = /\/\.\.(?:\/|$)/;
/** `/proc/self/root/etc/shadow` and the like: what stands behind is another place. */
const THROUGH_PROC = /^\/proc\/(?:[^/]+\/)+(?:root|cwd|fd\/[^/]+)(?:\/|$)/;

/**
 * Whether a path that a rule hides led somewhere that no rule hides, as `/lib/../home/me/x` does: it is hidden all the
 * same, but counted, because nothing that was hidden so can be called the host's.
 * @param absolute where it led, if the observer could tell; else the path itself is looked at. Of an open that failed it is
 * no more than the folder and what was given, which nobody has followed.
 */
export function leadsElsewhere(given: string, absolute: string | undefined): boolean {
  const path = absolute?.startsWith('/') === true ? absolute : given;
  return hidingRule(path) === undefined || UPWARDS.test(path) || THROUGH_PROC.test(path);
}
