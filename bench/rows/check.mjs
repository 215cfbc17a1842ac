import { appendFileSync, mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { cli, target } from '../lab.mjs';
import { measure, run, shell } from '../measure.mjs';
import { row } from '../row.mjs';

/** What the design promises, in milliseconds. */
const MOST = 1000;
/** About as many files as the repository has that the merge gate was designed for. */
const FILES = 4000;

/** The merge gate on an unchanged and on a changed, not yet pinned tool, beside what git takes to see the change. */
export function checkChange(lab) {
  const folder = createRepository(lab);
  const ours = { name: 'ours', run: () => run(process.execPath, [cli, 'check'], { cwd: folder, env: lab.env }) };
  const peer = { name: 'git', run: () => shell('git diff --quiet origin/main -- src/tool || true', { cwd: folder }) };
  const unchanged = measure([ours, peer], 15);
  appendFileSync(join(folder, 'src/tool/file-1.txt'), 'changed\n');
  const closed = {
    name: 'ours',
    run: () => shell(`"${process.execPath}" "${cli}" check || test $? = 9`, { cwd: folder, env: lab.env }),
  };
  return [
    inTime('check, nothing that ships changed', unchanged),
    inTime('check, sources changed', measure([closed, peer], 15)),
  ];
}

function inTime(work, times) {
  const measured = row({
    work: `${work}, ${FILES} files`,
    ours: times.get('ours'),
    peerName: '`git diff --quiet`',
    peer: times.get('git'),
    most: 1,
  });
  return { ...measured, budget: `< ${MOST} ms`, met: times.get('ours').median < MOST };
}

/** A clone of a project whose release is in the lab's store. */
function createRepository(lab) {
  const folder = mkdtempSync(join(lab.place, 'gate-'));
  const write = (path, text) => {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), text);
  };
  for (let number = 0; number < FILES; number += 1) {
    write(`${number < 200 ? 'src/tool' : `lib/${number % 50}`}/file-${number}.txt`, `${number}\n`);
  }
  const stores = [`file:${join(lab.place, 'store')}`];
  write('toolcrib.json', JSON.stringify({ tool: 'sandbox-tools', targets: [target], sources: ['src/tool'], stores }));
  write('tool-version.txt', '1\n');
  const git = 'git -c user.name=bench -c user.email=bench@example.org';
  shell(
    `cp ../store/*.SHA256SUMS SHA256SUMS; git init -q -b main; git add .; ${git} commit -qm base
     git update-ref refs/remotes/origin/main HEAD; git checkout -qb change; ${git} commit -q --allow-empty -m change`,
    { cwd: folder },
  );
  return folder;
}
