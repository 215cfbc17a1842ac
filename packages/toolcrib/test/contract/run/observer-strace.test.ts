import { readFile } from 'node:fs/promises';
import { requireOrSkip } from '../../servers/require.ts';
import { describeObserverContract } from './observer-contract.ts';
import { observerMissing, openObserver } from './open-observer.ts';

describeObserverContract({
  name: 'strace',
  requirement: requireOrSkip(await observerMissing('strace')),
  isLossless: true,
  open: (options) => openObserver('strace', options),
  async engineOf(pid) {
    const status = await readFile(`/proc/${pid}/status`, 'utf8');
    const tracer = /^TracerPid:\s*(?<pid>[1-9]\d*)$/m.exec(status)?.groups?.['pid'];
    if (tracer === undefined) throw new Error(`nobody traces ${pid}`);
    return Number(tracer);
  },
});
