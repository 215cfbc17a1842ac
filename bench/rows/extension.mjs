import { createHash } from 'node:crypto';
import { closeSync, mkdirSync, mkdtempSync, openSync, readFileSync, readSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { cli } from '../lab.mjs';
import { measure, run, shell } from '../measure.mjs';
import { row } from '../row.mjs';

const node = process.execPath;
/** What the pack weighs, about, in bytes. */
const PACK_BYTES = 20e6;

/** The component of a cached pack, both verified; beside unpacking and hashing the component alone. */
export function resolveExtension(lab) {
  const folder = mkdtempSync(join(lab.place, 'extension-'));
  const pack = createPack(lab, folder);
  const digest = createHash('sha256').update(readFileSync(pack)).digest('hex');
  depend(folder, digest);
  const store = join(lab.env.TOOLCRIB_CACHE_DIR, 'ext-store');
  shell(`mkdir -p "${store}" && cp "${pack}" "${store}/sha256-${digest}.gtxpack"`);
  const args = [cli, 'ext', 'resolve', 'ext://bench.http#component'];
  const peer = () => {
    shell(`unzip -p "${pack}" component.wasm | openssl dgst -sha256`);
    run(node, ['-e', '0']);
  };
  const times = measure(
    [
      { name: 'ours', run: () => run(node, args, { cwd: folder, env: lab.env }) },
      { name: 'peer', run: peer },
    ],
    25,
  );
  const peerName = '`unzip -p` + `openssl dgst` + `node -e 0`';
  const work = 'ext resolve, cached pack of 20 MB';
  return [row({ work, ours: times.get('ours'), peerName, peer: times.get('peer'), most: 1.2 })];
}

/** Machine code, as much as gives such a pack: the beginning of the lab's tool. */
function createPack(lab, folder) {
  const compressed = readFileSync(lab.file).byteLength;
  const whole = join(lab.place, 'tree.tar');
  const { length } = readFileSync(whole);
  const component = Buffer.alloc(Math.round((PACK_BYTES / compressed) * length));
  const file = openSync(whole, 'r');
  readSync(file, component, 0, component.length, 0);
  closeSync(file);
  mkdirSync(join(folder, 'content'));
  writeFileSync(join(folder, 'content/component.wasm'), component);
  const pack = join(folder, 'http.gtxpack');
  lab.toolcrib('ext', 'pack', join(folder, 'content'), '--id', 'bench.http', '-o', pack);
  return pack;
}

/** A locked extension of a store that is never asked. */
function depend(folder, hex) {
  const [id, role, ref] = ['bench.http', 'component', 'store://bench/http@1.0.0'];
  const write = (name, extension) =>
    writeFileSync(join(folder, name), JSON.stringify({ version: 1, extensions: [extension] }));
  write('pack.extensions.json', { id, role, source: { kind: 'store', ref, allow_tags: true } });
  const locked = { id, role, source_ref: ref, resolved_ref: ref, digest: `sha256:${hex}` };
  write('pack.extensions.lock.json', locked);
}
