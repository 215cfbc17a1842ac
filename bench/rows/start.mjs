import { cli, target } from '../lab.mjs';
import { measure, run } from '../measure.mjs';
import { row } from '../row.mjs';

const node = process.execPath;

/** `toolcrib --version` beside the bare runtime. */
export function startUp() {
  const times = measure(
    [
      { name: 'ours', run: () => run(node, [cli, '--version']) },
      { name: 'node', run: () => run(node, ['-e', '0']) },
    ],
    25,
  );
  const peer = times.get('node');
  return [row({ work: '`toolcrib --version`', ours: times.get('ours'), peerName: '`node -e 0`', peer, most: 1.25 })];
}

/** A cached artifact, hashed again by both. */
export function resolveCached(lab) {
  lab.forget();
  lab.toolcrib('resolve', '--target', target);
  const times = measure(
    [
      { name: 'ours', run: () => lab.toolcrib('resolve', '--target', target) },
      {
        name: 'peer',
        run: () => {
          run('openssl', ['dgst', '-sha256', lab.file]);
          run(node, ['-e', '0']);
        },
      },
    ],
    25,
  );
  const peerName = '`openssl dgst -sha256` + `node -e 0`';
  return [row({ work: 'resolve, cached', ours: times.get('ours'), peerName, peer: times.get('peer'), most: 1.3 })];
}
