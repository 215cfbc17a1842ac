import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { descendantsOf, hasVariable, listProcesses, parseProcessStat } from '../../src/process/process-table.ts';
import { connect, lives, runTool, startTool, temporaryDirectory, until, type Connection } from '../tool.ts';

/** Processes that do not want to be ended: in the background, in an own session, orphaned, deaf to SIGTERM. */
const stubborn = `sleep 61 & echo $!
(setsid sh -c 'trap "" TERM HUP; echo $$; while :; do sleep 62; done' &)
(sh -c 'echo $$; exec sleep 63' &)
sleep 0.2`;

async function startStubborn(tool: Connection): Promise<number[]> {
  const { text } = await tool.bash(stubborn);
  const pids = text.match(/^\d+$/gm)?.map(Number) ?? [];
  expect(pids.map(lives)).toEqual([true, true, true]);
  return pids;
}

const request = (id: number, method: string, params: object) =>
  `${JSON.stringify({ jsonrpc: '2.0', id, method, params })}\n`;
const clientInfo = { name: 'test', version: '0' };
const hello = request(1, 'initialize', { protocolVersion: '2025-06-18', capabilities: {}, clientInfo });

describe('the end of the server', () => {
  it('ends every process that it started when stdin closes, also orphans in own sessions that ignore SIGTERM', async () => {
    const tool = await connect();
    const pids = await startStubborn(tool);
    await tool.client.close();
    await until(() => !pids.some(lives) && !lives(tool.pid));
  });

  it.each(['SIGTERM', 'SIGHUP', 'SIGINT'] as const)('does the same on %s, during a call too', async (signal) => {
    await using tool = await connect();
    const pids = await startStubborn(tool);
    void tool.bash('sleep 64').catch(() => undefined);
    process.kill(tool.pid, signal);
    await until(() => !pids.some(lives) && !lives(tool.pid));
  });

  it('comes with exit code 0 when stdin ends and 128+N for a signal', async () => {
    expect(runTool(['mcp']).status).toBe(0);
    const tool = startTool(['mcp']);
    tool.stdin.write(hello);
    await once(tool.stdout, 'data');
    tool.kill('SIGTERM');
    await once(tool, 'exit');
    expect(tool.exitCode).toBe(143);
  });

  it('comes when the client sends a message that is too long to be read', async () => {
    const tool = startTool(['mcp']);
    tool.stdin.on('error', () => undefined);
    tool.stdin.write(hello);
    await once(tool.stdout, 'data');
    tool.stdin.write('x'.repeat(12_000_000));
    await once(tool, 'exit');
    expect(tool.exitCode).toBe(1);
  });

  it('waits for the answers that were ready when stdin ended', () => {
    const { stdout } = runTool(['mcp'], {}, hello + request(2, 'tools/list', {}));
    expect(
      stdout
        .trim()
        .split('\n')
        .map((line) => /"id":(\d)/.exec(line)?.[1]),
    ).toEqual(['1', '2']);
  });
});

describe('the process table', () => {
  it('reads a stat line whatever the name of the command is', () => {
    fc.assert(
      fc.property(fc.string(), fc.nat(), fc.nat(), fc.nat(), (name, pid, parent, started) => {
        const fields = ['S', parent, ...Array.from({ length: 17 }, () => 0), started, 0, 0];
        expect(parseProcessStat(`${pid} (${name}) ${fields.join(' ')}\n`)).toEqual({
          pid,
          parent,
          state: 'S',
          started: String(started),
        });
      }),
    );
  });

  it('reads anything else as nothing', () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        expect(parseProcessStat(text)).toBeUndefined();
      }),
    );
  });

  it('is empty, and no error, where /proc is missing or hostile', () => {
    using directory = temporaryDirectory();
    mkdirSync(join(directory.path, '1'));
    mkdirSync(join(directory.path, '2', 'stat'), { recursive: true });
    mkdirSync(join(directory.path, '3'));
    writeFileSync(join(directory.path, '3', 'stat'), '3 (');
    expect(listProcesses(directory.path)).toEqual([]);
    expect(listProcesses('/nowhere')).toEqual([]);
    expect(hasVariable(1, 'A=', '/nowhere')).toBe(false);
  });

  it('finds every descendant once, also in a table with loops', () => {
    const entry = (pid: number, parent: number) => ({ pid, parent, state: 'S', started: '0' });
    const pids = (roots: number[], pairs: [number, number][]) =>
      descendantsOf(
        roots,
        pairs.map(([a, b]) => entry(a, b)),
      ).map((found) => found.pid);
    expect(
      pids(
        [1],
        [
          [2, 1],
          [3, 2],
          [4, 1],
          [6, 5],
        ],
      ),
    ).toEqual([2, 4, 3]);
    expect(
      pids(
        [1],
        [
          [1, 2],
          [2, 1],
        ],
      ),
    ).toEqual([2]);
  });

  it('knows by what a process was started with, and not by what looks like it', () => {
    using directory = temporaryDirectory();
    mkdirSync(join(directory.path, '7'));
    writeFileSync(join(directory.path, '7', 'environ'), 'XMARK=1\0MARK=12\0Y=MARK=3\0');
    expect(['MARK=12', 'MARK=1', 'XMARK=1'].map((text) => hasVariable(7, text, directory.path))).toEqual([
      true,
      true,
      true,
    ]);
    expect(['MARK=3', 'ARK=12'].map((text) => hasVariable(7, text, directory.path))).toEqual([false, false]);
  });
});
