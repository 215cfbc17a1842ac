import { readFile } from 'node:fs/promises';
import { requireOrSkip } from '../../servers/require.ts';
import { describeObserverContract } from './observer-contract.ts';
import { observerMissing, openObserver } from './open-observer.ts';

describeObserverContract({
  name: 'tracer',
  requirement: requireOrSkip(await observerMissing('tracer')),
  isLossless: false,
  open: (options) => openObserver('tracer', options),
  async engineOf(pid) {
    const status = await readFile(`/proc/${pid}/status`, 'utf8');
    return Number(/^PPid:\s*(?<pid>\d+)$/m.exec(status)?.groups?.['pid']);
  },
});
