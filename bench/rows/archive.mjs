import { createHash } from 'node:crypto';
import { closeSync, mkdirSync, mkdtempSync, openSync, readFileSync, writeFileSync, writeSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { cli } from '../lab.mjs';
import { measure, run, shell } from '../measure.mjs';
import { row } from '../row.mjs';

const EVENTS = 1_000_000;
/** As many different files as a large build opens. */
const FILES = 49_999;
const MOST_MEGABYTES = 200;
const PROGRAMS = ['/bin/sh', '/usr/bin/git', '/usr/bin/node'];

/** An archive with a million kernel events, checked whole, beside unpacking it and digesting what is in it. */
export function verifyArchive(lab) {
  const archive = createArchive(mkdtempSync(join(lab.place, 'archive-')));
  const verify = [cli, 'archive', 'verify', archive];
  const times = measure(
    [
      { name: 'ours', run: () => run(process.execPath, verify, { env: lab.env }) },
      { name: 'peer', run: () => shell(`gunzip -c ${archive} | openssl dgst -sha256`) },
      { name: 'apart', run: () => shell(`gunzip -c ${archive} > /dev/null; openssl dgst -sha256 ${archive}`) },
    ],
    5,
  );
  const work = `archive verify, ${EVENTS.toLocaleString('en')} kernel events`;
  const ours = times.get('ours');
  return [
    row({ work, ours, peerName: '`gunzip \\| openssl dgst`', peer: times.get('peer'), most: 2 }),
    row({ work, ours, peerName: '`gunzip; openssl dgst`', peer: times.get('apart'), most: 2 }),
    memory(`${work}, in MB`, lab, verify),
  ];
}

/** The most memory that the process has, beside the budget. */
function memory(work, lab, verify) {
  const report = join(lab.place, 'memory.txt');
  const asks = `process.on('exit', () => require('node:fs').writeFileSync(${JSON.stringify(report)}, String(process.resourceUsage().maxRSS)))`;
  const hook = join(lab.place, 'memory.cjs');
  writeFileSync(hook, asks);
  run(process.execPath, ['--require', hook, ...verify], { env: lab.env });
  const ours = Math.round(Number(readFileSync(report, 'utf8')) / 1000);
  const budget = `< ${MOST_MEGABYTES} MB`;
  const ratio = Number((ours / MOST_MEGABYTES).toFixed(2));
  return { work, ours, peerName: 'the budget', peer: MOST_MEGABYTES, ratio, budget, met: ours < MOST_MEGABYTES };
}

/** Written with tar, by nothing of ours: a build that opens files, starts programs and asks one host. */
function createArchive(folder) {
  const head = (name) => ({ schema: `assay.runner.${name}.v0`, run_id: 'run_bench' });
  const files = Array.from(
    { length: FILES },
    (_, file) => `/srv/work/project-${file % 97}/src/module-${file % 1009}/file-${file}.ts`,
  );
  const members = {
    'capability-surface.json': JSON.stringify({
      ...head('capability_surface'),
      filesystem_paths: [...files].sort(),
      network_endpoints: ['10.0.0.1:443'],
      process_execs: PROGRAMS,
      mcp_tools: [],
      policy_decisions: [],
    }),
    'correlation-report.json': JSON.stringify({
      ...head('correlation_report'),
      status: 'clean',
      bindings: [],
      ambiguities: [],
    }),
    'events.ndjson': [
      {
        ...head('event'),
        seq: 0,
        type: 'run_started',
        agent_shim: 'none',
        command: ['make'],
        env_keys: [],
        window_elapsed_ms: 0,
      },
      {
        ...head('event'),
        seq: 1,
        type: 'run_finished',
        exit_code: 0,
        signal: null,
        success: true,
        window_elapsed_ms: 60000,
      },
    ]
      .map((event) => `${JSON.stringify(event)}\n`)
      .join(''),
    'layers/kernel.ndjson': undefined,
    'layers/policy.ndjson': '',
    'layers/sdk.ndjson': '',
    'observation-health.json': JSON.stringify({
      ...head('observation_health'),
      platform: 'linux',
      kernel_layer: 'complete',
      ringbuf_drops: 0,
      policy_layer: 'absent',
      sdk_layer: 'absent',
      cgroup_correlation: 'clean',
      network_protocol_coverage: 'connect_only',
      network_endpoint_claim_scope: 'diagnostic_only',
      notes: [],
    }),
  };
  const listed = Object.fromEntries(
    Object.entries(members).map(([path, text]) => {
      const pieces = text === undefined ? kernelLines(head('kernel_event'), files) : [text];
      return [path, { path, ...writeMember(join(folder, path), pieces) }];
    }),
  );
  writeMember(join(folder, 'manifest.json'), [JSON.stringify({ ...head('archive_manifest'), files: listed })]);
  const names = ['manifest.json', ...Object.keys(members)].join(' ');
  shell(`tar --format=ustar --owner=0 --group=0 --numeric-owner --mtime=@0 -czf run.tar.gz ${names}`, { cwd: folder });
  return join(folder, 'run.tar.gz');
}

function writeMember(path, pieces) {
  mkdirSync(dirname(path), { recursive: true });
  const file = openSync(path, 'w');
  const hash = createHash('sha256');
  let bytes = 0;
  for (const piece of pieces) {
    hash.update(piece);
    bytes += Buffer.byteLength(piece);
    writeSync(file, piece);
  }
  closeSync(file);
  return { sha256: `sha256:${hash.digest('hex')}`, bytes };
}

function* kernelLines(head, files) {
  let piece = '';
  for (let seq = 0; seq < EVENTS; seq += 1) {
    piece += `${JSON.stringify({ ...head, seq, pid: 1000 + ((seq >> 8) % 5000), ...whatHappened(seq, files) })}\n`;
    if (piece.length < 1 << 20) continue;
    yield piece;
    piece = '';
  }
  yield piece;
}

function whatHappened(seq, files) {
  if (seq % 1000 === 0) return { event_type: 4, kind: 'exec', value: PROGRAMS[(seq / 1000) % PROGRAMS.length] };
  if (seq % 777 === 0)
    return {
      event_type: 2,
      kind: 'connect',
      value: '10.0.0.1:443',
      network_destination: '10.0.0.1',
      network_port: 443,
    };
  const isThere = seq % 3 !== 0;
  const open = {
    event_type: 1,
    kind: 'openat',
    value: files[(seq * 7919) % FILES],
    cgroup_id: 4711,
    flags: 524288,
    mode: 0,
  };
  return { ...open, return_value: isThere ? 20 : -2, access_mode: 'read', status: isThere ? 'success' : 'error' };
}
