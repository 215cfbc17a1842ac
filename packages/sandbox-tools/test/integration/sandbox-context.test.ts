import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ContextError, parseSandboxContext, restoreEnvironment } from '../../src/sandbox-context.ts';
import { connect, runTool } from '../tool.ts';

const name = fc.stringMatching(/^[A-Z_a-z][A-Z_a-z0-9]{0,8}$/).filter((text) => !text.startsWith('TOOLCRIB_'));
const value = fc.string().filter((text) => !text.includes('\0'));
const environment = fc.dictionary(name, value, { noNullPrototype: true });

describe('the environment of agent commands', () => {
  it('is what the container had: what the host blanked comes back, what it added goes', () => {
    fc.assert(
      fc.property(environment, environment, environment, (original, added, blanked) => {
        const hosts = { ...original, ...added };
        const context = {
          env: Object.fromEntries(
            Object.entries({ ...added, ...blanked }).flatMap(([key]) =>
              Object.hasOwn(original, key) ? [[key, original[key] ?? '']] : [],
            ),
          ),
          unset: Object.keys(added).filter((key) => !Object.hasOwn(original, key)),
        };
        for (const key of Object.keys(blanked)) if (Object.hasOwn(original, key)) hosts[key] = '';
        const parsed = parseSandboxContext(JSON.stringify(context));
        expect(restoreEnvironment(hosts, parsed)).toEqual(original);
      }),
    );
  });

  it('never holds a TOOLCRIB_ variable, wherever it comes from', () => {
    fc.assert(
      fc.property(environment, fc.string(), (env, suffix) => {
        const secret = { [`TOOLCRIB_${suffix}`]: 'x' };
        const restored = restoreEnvironment({ ...env, ...secret }, { env: secret, unset: [] });
        expect(restored).toEqual(env);
      }),
    );
  });

  it('holds a name that is both unset and restored', () => {
    expect(restoreEnvironment({ A: 'host' }, { env: { A: 'own' }, unset: ['A'] })).toEqual({ A: 'own' });
  });

  it('reaches the bash session, with the working directory of the container', async () => {
    const context = { env: { LD_X: 'own', PATH: '/usr/bin:/bin' }, unset: ['ADDED'], cwd: '/usr', user: 'ignored' };
    await using tool = await connect({
      LD_X: '',
      ADDED: '1',
      TOOLCRIB_OTHER: '2',
      TOOLCRIB_SANDBOX_CONTEXT: JSON.stringify(context),
    });
    const { text } = await tool.bash('env; pwd');
    expect(text).toContain('LD_X=own\n');
    expect(text).not.toMatch(/ADDED|TOOLCRIB/);
    expect(text).toMatch(/\n\/usr\n\[exit code 0\]$/);
  });

  it('reaches a held command', () => {
    const context = { env: { A: 'own' }, unset: ['ADDED'], cwd: '/usr' };
    const env = { A: '', ADDED: '1', TOOLCRIB_SANDBOX_CONTEXT: JSON.stringify(context) };
    const { stdout } = runTool(['hold', '--', 'sh', '-c', '/usr/bin/env; pwd'], env, 'go\n');
    expect(stdout.split('\n').sort()).toEqual(['', '/usr', 'A=own', 'PWD=/usr']);
  });
});

describe('a malformed context', () => {
  it.each([
    '{',
    '[]',
    '1',
    '{"env":[]}',
    '{"env":{"A":1}}',
    '{"env":{"A=B":"x"}}',
    '{"env":{"":"x"}}',
    '{"unset":"A"}',
    '{"cwd":"relative"}',
    '{"cwd":"/","cwdRequired":"yes"}',
    '{"env":{"A":"\\u0000"}}',
  ])('is refused: %s', (text) => expect(() => parseSandboxContext(text)).toThrow(ContextError));

  it('ends the tool with exit code 2 and a message', () => {
    for (const args of [['mcp'], ['hold', '--', 'true'], ['healthcheck', '--nonce', 'a']]) {
      const { status, stdout, stderr } = runTool(args, { TOOLCRIB_SANDBOX_CONTEXT: '{' }, 'go\n');
      expect({ status, stdout, stderr }).toEqual({
        status: 2,
        stdout: '',
        stderr: 'sandbox-tools: TOOLCRIB_SANDBOX_CONTEXT is not JSON\n',
      });
    }
  });

  it('is refused or understood, whatever it is', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.json()), (text) => {
        try {
          expect(parseSandboxContext(text)).toHaveProperty('env');
        } catch (error) {
          expect(error).toBeInstanceOf(ContextError);
        }
      }),
    );
  });

  it('is not one that names a directory that is gone: commands start in the root', () => {
    const env = { TOOLCRIB_SANDBOX_CONTEXT: '{"cwd":"/gone/away"}' };
    expect(runTool(['hold', '--', 'pwd'], env, 'go\n').stdout).toBe('/\n');
  });

  it('is refused where somebody asked for a directory that is not there, or that is none', () => {
    for (const cwd of ['/gone/away', '/etc/passwd']) {
      const env = { TOOLCRIB_SANDBOX_CONTEXT: JSON.stringify({ cwd, cwdRequired: true }) };
      const { status, stdout, stderr } = runTool(['hold', '--', 'pwd'], env, 'go\n');
      expect({ status, stdout }).toEqual({ status: 2, stdout: '' });
      expect(stderr).toContain(cwd);
    }
  });
});
