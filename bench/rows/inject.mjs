import { join } from 'node:path';
import { removeContainers, startContainer, target } from '../lab.mjs';
import { measure, run, shell } from '../measure.mjs';
import { row } from '../row.mjs';

const API = 'http://engine/v1.41/containers';

/** The whole tree into a fresh container, read back and proven, beside the bare engine calls that move the same bytes. */
export function injectTree(lab) {
  lab.toolcrib('resolve', '--target', target);
  const containers = [];
  const fresh = () => containers.push(startContainer('--user', '1000'));
  const current = () => containers.at(-1);
  const tar = join(lab.place, 'tree.tar');
  try {
    const times = measure(
      [
        { name: 'ours', prepare: fresh, run: () => lab.toolcrib('inject', `docker:${current()}`) },
        { name: 'raw', prepare: fresh, run: () => rawTransfer(lab, current(), tar) },
        { name: 'base64', prepare: fresh, run: () => base64Transfer(current(), lab.file) },
      ],
      7,
    );
    const ours = times.get('ours');
    return [
      row({
        work: 'inject, proven',
        ours,
        peerName: 'raw PUT + raw GET by curl + `docker exec true`',
        peer: times.get('raw'),
        most: 1.3,
      }),
      row({
        work: 'inject, proven',
        ours,
        peerName: 'base64 through exec + `tar xzf`, which proves nothing',
        peer: times.get('base64'),
        most: 0.25,
      }),
    ];
  } finally {
    removeContainers(containers);
  }
}

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

/** A second injection, where the sandbox's user could not have changed the first, and where it could. */
export function injectAgain(lab) {
  const plain = startContainer('--user', '1000');
  const root = startContainer();
  try {
    lab.toolcrib('inject', `docker:${plain}`);
    lab.toolcrib('inject', `docker:${root}`);
    const times = measure(
      [
        { name: 'plain', run: () => lab.toolcrib('inject', `docker:${plain}`) },
        { name: 'root', run: () => lab.toolcrib('inject', `docker:${root}`) },
        { name: 'exec', run: () => run('docker', ['exec', plain, 'true']) },
      ],
      15,
    );
    const peer = { peerName: '`docker exec true`', peer: times.get('exec') };
    return [
      row({ work: 'inject again, user 1000', ours: times.get('plain'), ...peer, most: 1.5 }),
      {
        ...row({ work: 'inject again, root: proven again', ours: times.get('root'), ...peer, most: 1.5 }),
        budget: 'none',
        met: true,
      },
    ];
  } finally {
    removeContainers([plain, root]);
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
