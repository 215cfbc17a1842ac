import { describe, expect, test } from 'vitest';
import { unreapedEnd } from '../../../../../src/run/observe/tracer/unreaped.ts';

/** A line of `/proc/PID/stat`. @param status as of wait(2). */
function statOf(state: string, threads: number, status: number | string): string {
  const before = Array.from({ length: 16 }, () => '0').join(' ');
  const between = Array.from({ length: 31 }, () => '0').join(' ');
  return `4711 (a ) Z name) ${state} ${before} ${threads} ${between} ${status}\n`;
}

describe('the end of a process that nobody has waited for', () => {
  test.each([
    ['its exit code', statOf('Z', 1, 3 << 8), { exitCode: 3, signal: null }],
    ['the signal that ended it', statOf('Z', 1, 9), { exitCode: null, signal: 9 }],
    ['unknown where there is none', statOf('Z', 1, 'none'), { exitCode: null, signal: null }],
    ['the signal that ended it with a dump', statOf('Z', 1, 0x8b), { exitCode: null, signal: 11 }],
  ])('is %s', (_name, stat, end) => {
    expect(unreapedEnd(stat)).toEqual(end);
  });

  test.each([
    ['while it runs', statOf('S', 1, 0)],
    ['while another thread than its first runs', statOf('Z', 2, 0)],
    ['when it is gone', ''],
  ])('is not known %s', (_name, stat) => {
    expect(unreapedEnd(stat)).toBeUndefined();
  });
});
