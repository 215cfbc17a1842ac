#!/usr/bin/env node
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type * as commandLineModule from './command-line.ts';
import { loadCommand } from './command-loader.ts';
import { calledCommand } from './command-names.ts';
import { compiledCodeOf } from './compiled-code.ts';
import { isSupported, SUPPORTED_NODE, VERSION } from './version.ts';

/** Scripts ask for the version often: it is answered without loading anything else. */
async function main(argv: readonly string[]): Promise<void> {
  if (argv.length === 1 && (argv[0] === '--version' || argv[0] === '-V')) {
    process.stdout.write(`${VERSION}\n`);
    return;
  }
  if (!isSupported(process.versions.node)) {
    process.stderr.write(`toolcrib: needs Node ${SUPPORTED_NODE}, this is ${process.versions.node}\n`);
    process.exitCode = 2;
    return;
  }
  const { runCommandLine } = await commandLine(argv);
  process.exitCode = await runCommandLine(argv, VERSION);
}

/** The command line, of the bundle as it was compiled before. */
async function commandLine(argv: readonly string[]): Promise<typeof commandLineModule> {
  const script = fileURLToPath(import.meta.url);
  const kept = compiledCodeOf(script, calledCommand(argv) ?? 'toolcrib');
  if (kept === undefined) return await import('./command-line.ts');
  return loadCommand(join(script, '../command-line.cjs'), kept) as typeof commandLineModule;
}

// Not awaited at the top level: the published command is CommonJS (scripts/build.mjs).
void main(process.argv.slice(2));
