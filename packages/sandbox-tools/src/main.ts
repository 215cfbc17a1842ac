import { accessSync, constants, statSync, writeSync } from 'node:fs';
import { parseCommandLine, usage, type Request } from './command-line.ts';
import { identity } from './identity.ts';
import { contextVariable, ContextError, parseSandboxContext, restoreEnvironment } from './sandbox-context.ts';

/** Where commands are started, and with what environment. */
interface Place {
  readonly env: Readonly<Record<string, string>>;
  readonly cwd: string;
}

/** Serves a request; the exit code, or undefined while the server runs. */
async function serve(request: Request): Promise<number | undefined> {
  switch (request.kind) {
    case 'help':
      return print(1, usage, 0);
    case 'misuse':
      return print(2, `sandbox-tools: ${request.message}\n\n${usage}`, 2);
    case 'version':
      return print(1, JSON.stringify(identity), 0);
    default:
      return serveIn(readPlace(), request);
  }
}

/** The modules of a command are loaded when it is asked for: `hold` and `healthcheck` start without the MCP SDK. */
async function serveIn(
  { env, cwd }: Place,
  request: Extract<Request, { kind: 'healthcheck' | 'mcp' | 'hold' }>,
): Promise<number | undefined> {
  if (request.kind === 'healthcheck') {
    const { checkHealth } = await import('./health.ts');
    const health = await checkHealth(request.nonce, env, cwd);
    return print(1, JSON.stringify(health), health.ok ? 0 : 1);
  }
  const { loadNative } = await import('./native.ts');
  const native = await loadNative();
  if (request.kind === 'hold') {
    const { hold } = await import('./hold.ts');
    return await hold({ command: request.command, args: request.args, env, cwd }, native);
  }
  const { serveMcp } = await import('./serve.ts');
  await serveMcp(env, cwd, native);
  return undefined;
}

function readPlace(): Place {
  const context = parseSandboxContext(process.env[contextVariable]);
  const cwd = context.cwd ?? ownDirectory();
  const isUsable = isUsableDirectory(cwd);
  if (!isUsable && context.cwdRequired) throw new ContextError(`${cwd} is not a directory that can be entered here`);
  return { env: restoreEnvironment(process.env, context), cwd: isUsable ? cwd : '/' };
}

function isUsableDirectory(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isDirectory();
  } catch {
    return false;
  }
}

function ownDirectory(): string {
  try {
    return process.cwd();
  } catch {
    return '/';
  }
}

function print(descriptor: 1 | 2, text: string, code: number): number {
  writeSync(descriptor, `${text}\n`);
  return code;
}

try {
  const code = await serve(parseCommandLine(process.argv.slice(2)));
  if (code !== undefined) process.exit(code);
} catch (error) {
  const expected = error instanceof ContextError;
  writeSync(
    2,
    `sandbox-tools: ${expected ? error.message : error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`,
  );
  process.exit(expected ? 2 : 1);
}
