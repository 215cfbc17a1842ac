import type { ExecRequest, SandboxIdentity } from '../sandboxes/sandbox.ts';

/** Where the tool finds what agent commands get back: JSON `{"env": {…}, "unset": […], "cwd": "…", "cwdRequired": true}`. */
export const CONTEXT_VARIABLE = 'TOOLCRIB_SANDBOX_CONTEXT';

/**
 * What the tool itself may see of the sandbox's environment: names that no loader, libc or runtime takes code, files or
 * options from. Everything else is withheld, because a list of what is dangerous is never complete.
 */
const HARMLESS: ReadonlySet<string> = new Set(['PATH', 'HOME', 'USER', 'LOGNAME', 'HOSTNAME', 'SHELL']);

/** What a user cannot have meant for the tool itself; it reaches only the commands that the tool starts. */
const DANGEROUS =
  /^(?:LD_|GLIBC_|MALLOC_|BUN_|NODE_|JSC_|UV_|MIMALLOC_)|^(?:GCONV_PATH|LOCPATH|NLSPATH|RES_OPTIONS|HOSTALIASES|LOCALDOMAIN|RESOLV_[A-Z_]+|TZDIR|TMPDIR|GETCONF_DIR|OPENSSL_[A-Z_]+|SSL_CERT_[A-Z]+|XDG_CONFIG_HOME)$/;

/** What an exec is given, so that it starts in a clean environment. */
export type CleanEnvironment = Required<Pick<ExecRequest, 'env' | 'unset'>>;

/**
 * A clean environment for a tool. What of the sandbox's environment is withheld from the tool travels in
 * {@link CONTEXT_VARIABLE}, from which the tool gives the commands that it starts the container's own environment back.
 * @param given what the user adds (`--env`).
 * @param place the working directory of commands, as they see it; required where nothing may run elsewhere instead.
 */
export function cleanEnvironment(
  identity: SandboxIdentity,
  given: Readonly<Record<string, string>>,
  place: { readonly cwd: string; readonly required: boolean },
): CleanEnvironment {
  const entries = Object.entries(given).filter(([name]) => name !== CONTEXT_VARIABLE);
  const direct = Object.fromEntries(entries.filter(([name]) => !DANGEROUS.test(name)));
  const withheld = withheldNames(identity);
  const originals = withheld.map((name): [string, string] => [name, identity.env[name] ?? '']);
  const context = {
    env: { ...Object.fromEntries(originals), ...Object.fromEntries(entries) },
    unset: [CONTEXT_VARIABLE],
    cwd: place.cwd,
    ...(place.required && { cwdRequired: true }),
  };
  return {
    env: { ...direct, [CONTEXT_VARIABLE]: JSON.stringify(context) },
    unset: withheld.filter((name) => !Object.hasOwn(direct, name)),
  };
}

/** What helping programs get instead: the sandbox's own PATH may name directories that an agent can write. */
const FIXED = { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', HOME: '/' };

/** For programs of the sandbox that are run for an injection: nothing of the sandbox's environment reaches them. */
export function emptiedEnvironment(identity: SandboxIdentity): CleanEnvironment {
  return { env: FIXED, unset: Object.keys(identity.env).filter((name) => !Object.hasOwn(FIXED, name)) };
}

function withheldNames(identity: SandboxIdentity): readonly string[] {
  return Object.keys(identity.env).filter((name) => !HARMLESS.has(name) && name !== CONTEXT_VARIABLE);
}
