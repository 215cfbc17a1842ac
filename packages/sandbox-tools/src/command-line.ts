/** What the command line asks for. */
export type Request =
  | { readonly kind: 'help' }
  | { readonly kind: 'version' }
  | { readonly kind: 'healthcheck'; readonly nonce: string }
  | { readonly kind: 'mcp' }
  | { readonly kind: 'hold'; readonly command: string; readonly args: readonly string[] }
  | { readonly kind: 'misuse'; readonly message: string };

/** The usage text, without a final newline. */
export const usage = `Usage: sandbox-tools COMMAND

  version                     print what this executable is, as one line of JSON
  healthcheck --nonce NONCE   check that the tool can work here; print the nonce and the result as one line of JSON
  mcp                         serve the tools bash and text_editor to an MCP client on stdin and stdout
  hold -- COMMAND ARGS...     say "held" on stderr, wait for the line "go" on stdin, then become COMMAND (same pid)
  --help                      print this text

Exit codes: 0 done, 1 the health check failed, 2 usage; hold: 125 not released, 126 not executable, 127 not found.
TOOLCRIB_SANDBOX_CONTEXT (JSON: env, unset, cwd) says what environment and directory commands are to be started in.`;

const noncePattern = /^[A-Za-z0-9_-]{1,128}$/;

/**
 * Reads the arguments that follow the executable's name. Never throws: what cannot be understood is `misuse`, with a
 * message that says what to write instead.
 */
export function parseCommandLine(args: readonly string[]): Request {
  const [name, ...rest] = args;
  if (name === undefined) return { kind: 'misuse', message: 'a command is missing' };
  if (name === '--help' || name === '-h' || name === 'help') return { kind: 'help' };
  if (name === 'version' || name === 'mcp') return rest.length === 0 ? { kind: name } : unexpected(name, rest);
  if (name === 'healthcheck') return parseHealthcheck(rest);
  if (name === 'hold') return parseHold(rest);
  return { kind: 'misuse', message: `unknown command: ${JSON.stringify(name)}` };
}

function parseHealthcheck(rest: readonly string[]): Request {
  const [option, nonce, ...more] = rest;
  if (option === '--help') return { kind: 'help' };
  if (option !== '--nonce' || nonce === undefined || more.length > 0)
    return { kind: 'misuse', message: 'healthcheck needs exactly --nonce NONCE' };
  if (!noncePattern.test(nonce))
    return { kind: 'misuse', message: 'the nonce must be 1 to 128 characters of A-Z, a-z, 0-9, "_" and "-"' };
  return { kind: 'healthcheck', nonce };
}

function parseHold(rest: readonly string[]): Request {
  const [separator, command, ...args] = rest;
  if (separator === '--help') return { kind: 'help' };
  if (separator !== '--' || command === undefined || command === '')
    return { kind: 'misuse', message: 'hold needs "--" and a command: hold -- COMMAND ARGS...' };
  return { kind: 'hold', command, args };
}

function unexpected(name: string, rest: readonly string[]): Request {
  if (rest[0] === '--help') return { kind: 'help' };
  return { kind: 'misuse', message: `${name} takes no arguments, but was given ${JSON.stringify(rest[0])}` };
}
