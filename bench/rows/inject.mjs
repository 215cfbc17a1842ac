import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { removeContainers, startContainer, target } from '../lab.mjs';
import { measure, run, shell } from '../measure.mjs';
import { row, withoutBudget } from '../row.mjs';

const API = 'http://engine/v1.41/containers';

/**
 * The tool into a fresh container, proven, beside the bare engine calls that move the bytes of its tree: copied; mounted from the tree on
 * this host, which the warm-up wrote; and with that tree still to be written.
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
    const besideRaw = (work, name, most) =>
      row({ work, ours: times.get(name), peerName: RAW, peer: times.get('raw'), most });
    const besideBase64 = (work, name) =>
      row({ work, ours: times.get(name), peerName: BASE64, peer: times.get('base64'), most: 0.25 });
    const [work, first, copied] = ['inject, proven', 'inject, proven, the first on this host', 'inject --copy, proven'];
    return [
      besideRaw(work, 'mounted', 0.6),
      besideBase64(work, 'mounted'),
      besideRaw(first, 'first', 1.2),
      withoutBudget(besideBase64(first, 'first')),
      besideRaw(copied, 'copied', 1.2),
      withoutBudget(besideBase64(copied, 'copied')),
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

/** A second injection: of a mount, of a copy that the sandbox's user could not have changed, and of one that it could, which is proven again. */
export function injectAgain(lab) {
  const [plain, root, mounted] = [startContainer('--user', '1000'), startContainer(), startContainer()];
  try {
    const contestants = [
      { name: 'mounted', run: () => lab.toolcrib('inject', `docker:${mounted}`) },
      { name: 'plain', run: () => lab.toolcrib('inject', '--copy', `docker:${plain}`) },
      { name: 'root', run: () => lab.toolcrib('inject', '--copy', `docker:${root}`) },
      { name: 'exec', run: () => run('docker', ['exec', plain, 'true']) },
    ];
    const times = measure(contestants, 15); // the warm-up injects
    const peer = { peerName: '`docker exec true`', peer: times.get('exec') };
    const again = (work, name) => row({ work, ours: times.get(name), ...peer, most: 1.5 });
    return [
      again('inject again, root', 'mounted'),
      again('inject --copy again, user 1000', 'plain'),
      withoutBudget(again('inject --copy again, root: proven again', 'root')),
    ];
  } finally {
    removeContainers([plain, root, mounted]);
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
  const contestants = (...options) => [
    { name: 'many', prepare: prepare(MANY), run: () => lab.toolcrib('inject', ...options, ...current()) },
    {
      name: 'singly',
      prepare: prepare(SAMPLE),
      run: () => current().forEach((sandbox) => lab.toolcrib('inject', ...options, sandbox)),
    },
  ];
  const beside = (words, ...options) => {
    const times = measure(contestants(...options), 2);
    const peer = { median: (times.get('singly').median * MANY) / SAMPLE };
    const [work, peerName] = [`${words} into ${MANY} containers, proven`, `${MANY} times \`${words}\` of one`];
    return row({ work, ours: times.get('many'), peerName, peer, most: 0.4 });
  };
  try {
    return [beside('inject'), withoutBudget(beside('inject --copy', '--copy'))];
  } finally {
    remove();
  }
}
