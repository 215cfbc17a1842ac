import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseCommandLine } from '../../src/command-line.ts';
import { runTool } from '../tool.ts';

describe('the command line', () => {
  it('prints the identity as one line of JSON; uncompiled it says so', () => {
    expect(runTool(['version'])).toEqual({
      status: 0,
      stdout: '{"tool":"sandbox-tools","version":0,"target":"unbuilt"}\n',
      stderr: '',
    });
  });

  it.each([
    [[]],
    [['nope']],
    [['version', 'x']],
    [['--nope']],
    [['mcp', '--x']],
    [['hold']],
    [['hold', 'ls']],
    [['hold', '--']],
  ])('answers %j with the usage on stderr and exit code 2', (args) => {
    const { status, stdout, stderr } = runTool(args);
    expect({ status, stdout }).toEqual({ status: 2, stdout: '' });
    expect(stderr).toMatch(/^sandbox-tools: .+\n\nUsage: /);
  });

  it('prints help on stdout', () => {
    for (const args of [['--help'], ['hold', '--help'], ['mcp', '--help']]) {
      const { status, stdout, stderr } = runTool(args);
      expect({ status, stderr, start: stdout.slice(0, 6) }).toEqual({ status: 0, stderr: '', start: 'Usage:' });
    }
  });

  it('accepts a nonce of 1 to 128 letters, digits, "_" and "-", and no other', () => {
    const good = fc.stringMatching(/^[A-Za-z0-9_-]{1,128}$/);
    fc.assert(
      fc.property(good, (nonce) => {
        expect(parseCommandLine(['healthcheck', '--nonce', nonce])).toEqual({ kind: 'healthcheck', nonce });
      }),
    );
    for (const nonce of ['', 'a b', 'a\n', 'é', 'a'.repeat(129)])
      expect(parseCommandLine(['healthcheck', '--nonce', nonce]).kind).toBe('misuse');
  });

  it('understands or refuses any arguments, and never throws', () => {
    fc.assert(
      fc.property(fc.array(fc.string()), (args) => {
        expect(parseCommandLine(args)).toHaveProperty('kind');
      }),
    );
    fc.assert(
      fc.property(fc.string({ minLength: 1 }), fc.array(fc.string()), (command, args) => {
        expect(parseCommandLine(['hold', '--', command, ...args])).toEqual({ kind: 'hold', command, args });
      }),
    );
  });
});

describe('the health check', () => {
  it('gives the nonce back with who it is and the shell that it ran', () => {
    const { status, stdout } = runTool(['healthcheck', '--nonce', 'n_-1'], { PATH: '/usr/bin' });
    expect(status).toBe(0);
    expect(JSON.parse(stdout)).toEqual({
      tool: 'sandbox-tools',
      version: 0,
      target: 'unbuilt',
      nonce: 'n_-1',
      uid: process.getuid?.(),
      gid: process.getgid?.(),
      shell: '/usr/bin/bash',
      ok: true,
    });
  });

  it('needs no environment at all', () => {
    expect(runTool(['healthcheck', '--nonce', 'a']).status).toBe(0);
  });
});
