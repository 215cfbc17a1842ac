#!/usr/bin/env node
import { fileURLToPath } from 'node:url';
import { keepCompiledCode } from './compiled-code.ts';
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
  keepCompiledCode(fileURLToPath(import.meta.url));
  const { runCommandLine } = await import('./command-line.ts');
  process.exitCode = await runCommandLine(argv, VERSION);
}

// Not awaited at the top level: the published command is CommonJS (scripts/build.mjs).
void main(process.argv.slice(2));
