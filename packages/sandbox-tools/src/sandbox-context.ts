import { z } from 'zod';

/** The variable through which the host tells the tool what environment agent commands are to see. */
export const contextVariable = 'TOOLCRIB_SANDBOX_CONTEXT';

const name = z.string().regex(/^[^=\0]+$/, 'must be the name of a variable: not empty, no "=", no NUL');
const value = z.string().regex(/^[^\0]*$/, 'must not contain NUL');

const contextSchema = z.object({
  env: z.record(name, value).default({}),
  unset: z.array(name).default([]),
  cwd: value.startsWith('/', 'must be an absolute path').optional(),
  cwdRequired: z.boolean().optional(),
});

/** What the host changed when it started the tool, and how commands get it back. */
export interface SandboxContext {
  /** Values that the host blanked or changed; they are restored. */
  readonly env: Readonly<Record<string, string>>;
  /** Names that the host added; they are removed. */
  readonly unset: readonly string[];
  /** The container's own working directory; absent: the tool's. */
  readonly cwd?: string | undefined;
  /** True when somebody asked for that directory: without it nothing is started. */
  readonly cwdRequired?: boolean | undefined;
}

/** The host sent a context that cannot be understood; starting commands in a guessed environment would be worse. */
export class ContextError extends Error {
  override readonly name = 'ContextError';
}

/**
 * Reads the value of {@link contextVariable}; unset or empty means that the host changed nothing. Unknown members are
 * ignored, so that a newer host can say more.
 *
 * @throws {ContextError} when it is not JSON or not of the shape `{env?, unset?, cwd?}`.
 */
export function parseSandboxContext(text: string | undefined): SandboxContext {
  if (text === undefined || text === '') return { env: {}, unset: [] };
  const result = contextSchema.safeParse(parseJson(text));
  if (result.success) return result.data;
  const issues = result.error.issues
    .slice(0, 3)
    .map((issue) => `${issue.path.join('.') || '(whole)'}: ${issue.message}`);
  throw new ContextError(`${contextVariable} is malformed: ${issues.join('; ')}`);
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new ContextError(`${contextVariable} is not JSON`, { cause });
  }
}

/**
 * The environment of agent commands: the tool's own, with the host's additions removed and its changes undone, and
 * without any `TOOLCRIB_*` variable, wherever it comes from. A name that is both unset and restored is restored.
 */
export function restoreEnvironment(
  own: Readonly<Record<string, string | undefined>>,
  context: SandboxContext,
): Record<string, string> {
  const restored = new Map<string, string>();
  for (const [key, text] of Object.entries(own)) if (text !== undefined) restored.set(key, text);
  for (const key of context.unset) restored.delete(key);
  for (const [key, text] of Object.entries(context.env)) restored.set(key, text);
  return Object.fromEntries([...restored].filter(([key]) => !key.startsWith('TOOLCRIB_')));
}
