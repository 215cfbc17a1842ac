import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { removeContainers, startContainer, target } from '../lab.mjs';
import { measure, run, shell } from '../measure.mjs';
import { row, withoutBudget } from '../row.mjs';

const API = 'http://engine/v1.41/containers';

/**
 * The tool into a fresh container, proven, beside the bare engine calls that move the bytes of its tree: mounted from the tree on this
 * host, which the warm-up wrote; with that tree still to be written; and copied.
 */
export function injectTree(lab) {
  lab.toolcrib('resolve', '--target', target);
  const containers = [];
  const fresh = () => containers.push(startContainer('--user', '1000'));
  const current = () => containers.at(-1);
  const forgetTrees = () => {
    fresh();
    rmSync(join(lab.place, 'cache/v1/trees'), { recursive: true, force: true });
  };
  const tar = join(lab.place, 'tree.tar');
  try {
    const times = measure(
      [
        { name: 'first', prepare: forgetTrees, run: () => lab.toolcrib('inject', `docker:${current()}`) },
        { name: 'mounted', prepare: fresh, run: () => lab.toolcrib('inject', `docker:${current()}`) },
        { name: 'copied', prepare: fresh, run: () => lab.toolcrib('inject', '--copy', `docker:${current()}`) },
        { name: 'raw', prepare: fresh, run: () => rawTransfer(lab, current(), tar) },
        { name: 'base64', prepare: fresh, run: () => base64Transfer(current(), lab.file) },
      ],
      7,
    );
    const besideBoth = (work, ours) => [
      row({ work, ours, peerName: RAW, peer: times.get('raw'), most: 1.3 }),
      row({ work, ours, peerName: BASE64, peer: times.get('base64'), most: 0.25 }),
    ];
    return [
      ...besideBoth('inject, proven', times.get('mounted')),
      ...besideBoth('inject, proven, the first on this host', times.get('first')).map(withoutBudget),
      ...besideBoth('inject --copy, proven', times.get('copied')),
    ];
  } finally {
    removeContainers(containers);
  }
}

const RAW = 'raw PUT + raw GET by curl + `docker exec true`';
const BASE64 = 'base64 through exec + `tar xzf`, which proves nothing';

function rawTransfer(lab, id, tar) {
  const socket = 'curl -sf --unix-socket /var/run/docker.sock';
  shell(`${socket} -T ${tar} -X PUT '${API}/${id}/archive?path=/bin'`);
  shell(`${socket} -o ${join(lab.place, 'back.tar')} '${API}/${id}/archive?path=/bin'`);
  run('docker', ['exec', id, 'true']);
}

function base64Transfer(id, file) {
  const unpack = 'mkdir -p /tmp/t && base64 -d | tar xzf - -C /tmp/t';
  shell(`base64 -w0 ${file} | docker exec -i --user 0 ${id} sh -c '${unpack}'`);
}

/** A second injection: of what is mounted, and of a copy that the sandbox's user could have changed, which is proven again. */
export function injectAgain(lab) {
  const plain = startContainer('--user', '1000');
  const root = startContainer();
  const copied = startContainer();
  try {
    const contestants = [
      { name: 'plain', run: () => lab.toolcrib('inject', `docker:${plain}`) },
      { name: 'root', run: () => lab.toolcrib('inject', `docker:${root}`) },
      { name: 'copied', run: () => lab.toolcrib('inject', '--copy', `docker:${copied}`) },
      { name: 'exec', run: () => run('docker', ['exec', plain, 'true']) },
    ];
    const times = measure(contestants, 15); // the warm-up injects
    const peer = { peerName: '`docker exec true`', peer: times.get('exec') };
    const again = (work, name) => row({ work, ours: times.get(name), ...peer, most: 1.5 });
    return [
      again('inject again, user 1000', 'plain'),
      again('inject again, root', 'root'),
      withoutBudget(again('inject --copy again, root: proven again', 'copied')),
    ];
  } finally {
    removeContainers([plain, root, copied]);
  }
}

const MANY = 50;
const SAMPLE = 10;

/** Fifty containers by one command, beside as many commands one after another; of these a fifth is made and counted five times. */
export function injectMany(lab) {
  lab.toolcrib('resolve', '--target', target);
  const rounds = [];
  const fresh = (count) => rounds.push(Array.from({ length: count }, () => startContainer('--user', '1000')));
  const current = () => rounds.at(-1).map((id) => `docker:${id}`);
  const remove = () => removeContainers(rounds.splice(0).flat());
  const prepare = (count) => () => {
    remove(); // so that no more than these are there at a time
    fresh(count);
  };
  try {
    const times = measure(
      [
        { name: 'many', prepare: prepare(MANY), run: () => lab.toolcrib('inject', ...current()) },
        {
          name: 'singly',
          prepare: prepare(SAMPLE),
          run: () => current().forEach((sandbox) => lab.toolcrib('inject', sandbox)),
        },
      ],
      2,
    );
    const peer = { median: (times.get('singly').median * MANY) / SAMPLE };
    const peerName = `${MANY} times \`inject\` of one`;
    return [
      row({ work: `inject into ${MANY} containers, proven`, ours: times.get('many'), peerName, peer, most: 0.5 }),
    ];
  } finally {
    remove();
  }
}
