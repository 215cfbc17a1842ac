import { execFileSync } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, realpath, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { parsePublicKey } from '../../../src/attestations/keys.ts';
import { digestOf } from '../../../src/core/digest.ts';
import type { Notice } from '../../../src/core/reporter.ts';
import { formatIdentity, ownIdentity } from '../../../src/disk/process-identity.ts';
import type { Host } from '../../../src/flows/host.ts';
import { readArchive } from '../../../src/flows/read-archive.ts';
import { recordRun, type RecordedRun, type RecordRunRequest } from '../../../src/flows/record-run.ts';
import { writeArchive } from '../../../src/flows/write-archive.ts';
import { ARCHIVE_KEY_KINDS, manifestSignatureProblem } from '../../../src/run/archive/manifest-signature.ts';
import { secretRuleIn } from '../../../src/run/redaction/secret-shapes.ts';
import { gunzip, readTar } from '../../../src/tar/read.ts';
import { requireOrSkip } from '../../servers/require.ts';
import { failureOfAsync } from '../../unit/core/failure.ts';
import { SECRETS } from '../../unit/run/secrets.ts';
import { sampleMembers } from '../../unit/run/archive/sample-archive.ts';
import { recordingHost } from './recording-host.ts';

let directory = '';
let notices: Notice[] = [];
let host: Host;
beforeEach(async () => {
  directory = await realpath(await mkdtemp(join(tmpdir(), 'toolcrib-record-')));
  notices = [];
  host = hostWith({ PATH: process.env['PATH'], XDG_CONFIG_HOME: join(directory, 'config') });
});
afterEach(async () => {
  await rm(directory, { recursive: true, force: true });
});

function hostWith(env: Host['env']): Host {
  return recordingHost(directory, env, notices);
}

async function record(command: readonly string[], more: Partial<RecordRunRequest> = {}): Promise<RecordedRun> {
  return await recordRun(host, { command, output: 'run.tar.gz', kernel: 'off', ...more });
}

/** The members of an archive file by their paths. */
async function membersOf(file: string): Promise<ReadonlyMap<string, string>> {
  const members = new Map<string, string>();
  const bytes = await readFile(join(directory, file));
  const whole = (async function* () {
    yield await Promise.resolve(bytes);
  })();
  const caps = { maxEntries: 99, maxEntryBytes: 1e9, maxTotalBytes: 1e9 };
  for await (const member of readTar(gunzip(whole, 1e9), caps)) {
    const chunks: Uint8Array[] = [];
    for await (const chunk of member.bytes) chunks.push(chunk);
    members.set(member.path, Buffer.concat(chunks).toString());
  }
  return members;
}

async function memberOf(path: string, file = 'run.tar.gz'): Promise<string> {
  return (await membersOf(file)).get(path) ?? 'no such member';
}

describe('a secret', () => {
  test.each(SECRETS)(
    'of the shape %s is nowhere in a written archive: not from arguments, names, nor a log',
    async (rule, secret) => {
      const decision = { source: 'gate', type: 'assay.tool.decision' };
      const data = { tool: `tool ${secret}`, tool_call_id: `id ${secret}`, decision: `allow ${secret}` };
      await writeFile(join(directory, 'policy.ndjson'), `${JSON.stringify({ ...decision, data })}\n`);
      const command = ['true', secret, `--file=/tmp/${secret}`, `https://example.com/?x=1&${secret}`];
      await record(command, { env: { [`A ${secret}`]: 'value' }, policyLog: 'policy.ndjson' });
      const everything = [...(await membersOf('run.tar.gz')).values()].join('\n');
      expect(everything).not.toContain(secret);
      expect(secretRuleIn(everything)).toBeUndefined();
      expect(everything).toMatch(new RegExp(`<redacted:${rule}:[0-9a-f]{8}>`));
      expect((await readArchive(host, 'run.tar.gz')).findings).toEqual([]);
    },
  );

  test('behind a credential flag is redacted whatever its shape, unless shapes alone are asked for', async () => {
    const command = ['true', '--token', 'hunter2', '--auth=hunter3'];
    await record(command);
    expect(await memberOf('events.ndjson')).not.toMatch(/hunter[23]/);
    await record(command, { output: 'shapes.tar.gz', redact: 'shape_only' });
    expect(await memberOf('events.ndjson', 'shapes.tar.gz')).toMatch(/hunter2.*--auth=hunter3/);
    expect(await memberOf('observation-health.json', 'shapes.tar.gz')).toContain('"mode":"shape_only"');
  });

  test('is recorded as it is only where redaction is switched off, and such an archive is refused', async () => {
    const [, secret] = SECRETS[0] ?? [];
    await record(['true', secret ?? ''], { redact: 'disabled_unsafe' });
    expect(await memberOf('events.ndjson')).toContain(secret);
    const rules = (await readArchive(host, 'run.tar.gz')).findings.map((finding) => finding.rule);
    expect(rules).toContain('unsafe_redaction');
  });
});

describe('the redaction key', () => {
  const placeholder = async (file: string): Promise<string | undefined> =>
    /<redacted:[^>]+>/.exec(await memberOf('events.ndjson', file))?.[0];
  const command = ['true', '--token', 'hunter2'];

  test('is the host\u2019s, so that placeholders of two runs compare, in a file for its owner alone', async () => {
    await record(command, { output: 'a.tar.gz' });
    await record(command, { output: 'b.tar.gz', redactionKey: 'host-local' });
    expect(await placeholder('a.tar.gz')).toBe(await placeholder('b.tar.gz'));
    expect(await memberOf('observation-health.json', 'a.tar.gz')).toContain('"key_scope":"host_local"');
    const key = await readFile(join(directory, 'config/toolcrib/redaction.key'), 'utf8');
    expect(key).toMatch(/^assay-redaction-key-v1:/);
    expect([...(await membersOf('a.tar.gz')).values()].join()).not.toContain(key.trim().split(':')[1]);
  });

  test('is ephemeral on demand, and makes no file', async () => {
    await record(command, { output: 'a.tar.gz', redactionKey: 'ephemeral' });
    await record(command, { output: 'b.tar.gz', redactionKey: 'ephemeral' });
    expect(await placeholder('a.tar.gz')).not.toBe(await placeholder('b.tar.gz'));
    expect(existsSync(join(directory, 'config'))).toBe(false);
  });

  test('that is named is taken, and one that is named and not there starts nothing', async () => {
    host = hostWith({ PATH: process.env['PATH'], ASSAY_REDACTION_KEY_FILE: join(directory, 'none') });
    const failure = await failureOfAsync(() => record(['touch', 'ran']));
    expect([failure.code, failure.message]).toEqual(['USAGE', `there is no redaction key at ${directory}/none`]);
    expect(existsSync(join(directory, 'ran'))).toBe(false);
  });

  test('that cannot be kept is ephemeral, with a warning, unless the host\u2019s was asked for', async () => {
    await writeFile(join(directory, 'config'), 'a file');
    await record(command);
    expect(notices.map(({ text }) => text).join()).toContain('is ephemeral');
    expect(await memberOf('observation-health.json')).toContain('"key_scope":"ephemeral"');
    const failure = await failureOfAsync(() => record(command, { output: 'b.tar.gz', redactionKey: 'host-local' }));
    expect(failure.code).toBe('STORAGE');
  });
});

describe('a signed archive', () => {
  const pems = (kind: 'ed25519' | 'P-256' | 'P-384'): { privateKey: string; publicKey: string } => {
    const pair = kind === 'ed25519' ? generateKeyPairSync(kind) : generateKeyPairSync('ec', { namedCurve: kind });
    return {
      privateKey: pair.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
      publicKey: pair.publicKey.export({ type: 'spki', format: 'pem' }).toString(),
    };
  };

  test.each(['ed25519', 'P-256'] as const)(
    'is signed by a key on %s, over the digest of its manifest',
    async (kind) => {
      const { privateKey, publicKey } = pems(kind);
      await writeFile(join(directory, 'key.pem'), privateKey, { mode: 0o600 });
      const { runId } = await record(['true'], { sign: 'key.pem' });
      const members = await membersOf('run.tar.gz');
      const signed = { run_id: runId, manifest: digestOf(members.get('manifest.json') ?? '') };
      const envelope = Buffer.from(members.get('toolcrib/manifest.dsse.json') ?? '');
      const key = parsePublicKey(publicKey, 'key', ARCHIVE_KEY_KINDS);
      expect(manifestSignatureProblem(envelope, signed, [key])).toBeUndefined();
      expect([...members.keys()].at(-1)).toBe('toolcrib/manifest.dsse.json');
      expect((await readArchive(host, 'run.tar.gz')).findings).toEqual([]);
    },
  );

  test('needs a key that can sign, and nothing starts without one', async () => {
    await writeFile(join(directory, 'key.pem'), pems('P-384').privateKey, { mode: 0o600 });
    const run = (sign: string): Promise<RecordedRun> => record(['touch', 'ran'], { sign });
    expect((await failureOfAsync(() => run('key.pem'))).message).toContain('expected ed25519 or ecdsa-p256');
    expect((await failureOfAsync(() => run('none.pem'))).code).toBe('NOT_FOUND');
    expect(existsSync(join(directory, 'ran'))).toBe(false);
  });
});

describe('logs of a run', () => {
  const decision = (id: string): string =>
    JSON.stringify({
      type: 'assay.tool.decision',
      source: 'gate',
      data: { tool: 'read_file', tool_call_id: id, decision: 'allow' },
    });
  const sdkEvent = (seq: number, type: string, id: string): string =>
    JSON.stringify({
      ...{ schema: 'assay.runner.sdk_event.v0', run_id: 'r1', seq, event_type: type, source: 'agent' },
      ...{ sdk_name: 'sdk', sdk_version: '1', tool_call_id: id, tool: 'read_file' },
    });

  test('become layers, bound to each other', async () => {
    await writeFile(join(directory, 'policy.ndjson'), `${decision('call_1')}\n`);
    const events = [sdkEvent(0, 'tool_call_started', 'call_1'), sdkEvent(1, 'tool_call_completed', 'call_2')];
    await writeFile(join(directory, 'sdk.ndjson'), events.join('\n'));
    const shim = { runId: 'r1', agentShim: 'openai-agents', sdkLog: 'sdk.ndjson', policyLog: 'policy.ndjson' };
    await record(['true'], shim);
    const { findings, summary } = await readArchive(host, 'run.tar.gz');
    expect(findings).toEqual([]);
    expect(summary.layers).toEqual({ kernel: 0, policy: 1, sdk: 2 });
    expect(summary.health).toMatchObject({ policy_layer: 'present', sdk_layer: 'self_reported' });
    expect(summary.health?.notes).toEqual(
      expect.arrayContaining(['s4_policy_capture: decision_events=1', 's5_sdk_capture: sdk_events=2 sdk_tool_calls=2']),
    );
    expect(summary.correlation?.ambiguities).toContain('sdk_tool_call_without_policy_binding:call_2');
    expect(await memberOf('capability-surface.json')).toContain('"policy_decisions":["allow:read_file"]');
  });

  test('that are wrong cost the run its layer and not its record, and what is wrong is told with the command\u2019s end', async () => {
    await writeFile(join(directory, 'policy.ndjson'), `${decision('call_1')}\n{"type":"other"}\n`);
    const failure = await failureOfAsync(() => record(['sh', '-c', 'exit 3'], { policyLog: 'policy.ndjson' }));
    expect(failure).toMatchObject({ code: 'RUN_LOG_INVALID', details: { line: 2, exitCode: 3, signal: null } });
    expect(notices.map(({ text }) => text).join()).toContain('its exit code is 3');
    const { findings, summary } = await readArchive(host, 'run.tar.gz');
    expect([findings, summary.layers.policy, summary.exitCode]).toEqual([[], 0, 3]);
    expect(summary.health?.policy_layer).toBe('absent');
  });

  test('of an SDK need a shim before anything starts', async () => {
    const failure = await failureOfAsync(() => record(['touch', 'ran'], { sdkLog: 'sdk.ndjson' }));
    expect([failure.code, existsSync(join(directory, 'ran'))]).toEqual(['USAGE', false]);
  });
});

describe('the folder of an archive', () => {
  test('is rid of what dead recorders left there, not of what living ones use', async () => {
    const dead = formatIdentity({ ...ownIdentity(), start: ownIdentity().start + 1 });
    const name = (identity: string): string => `.toolcrib-${identity}-${'0'.repeat(32)}.tmp`;
    await writeFile(join(directory, name(dead)), 'left behind');
    await writeFile(join(directory, name(formatIdentity(ownIdentity()))), 'in use');
    await record(['true']);
    const left = (await readdir(directory)).filter((file) => file.startsWith('.toolcrib'));
    expect(left).toEqual([name(formatIdentity(ownIdentity()))]);
  });

  const needsRoot = process.getuid?.() === 0 ? undefined : 'only root can mount a small file system';

  test(
    'that is full is told, with the end of the command, and no part of an archive is there',
    requireOrSkip(needsRoot),
    async () => {
      const full = join(directory, 'full');
      await mkdir(full);
      execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'tmpfs', full]);
      try {
        const fill = `head -c 1000000 /dev/zero > ${full}/filler; exit 4`;
        const failure = await failureOfAsync(() => record(['sh', '-c', fill], { output: 'full/run.tar.gz' }));
        expect(failure).toMatchObject({ code: 'STORAGE', details: { system: 'ENOSPC', exitCode: 4 } });
        expect(failure.hint).toContain('the disk is full');
        expect(notices.map(({ text }) => text).join()).toContain('its exit code is 4');
        expect(await readdir(full)).toEqual(['filler']);
      } finally {
        execFileSync('umount', [full]);
      }
    },
  );
});

describe('an archive of members that somebody else made', () => {
  test('is completed, written and verifies', async () => {
    const members = sampleMembers().filter(({ path }) => path !== 'manifest.json');
    const written = await writeArchive(host, { runId: 'run_001', members, output: 'own.tar.gz' });
    expect([written.archive, written.digest.slice(0, 7)]).toEqual([join(directory, 'own.tar.gz'), 'sha256:']);
    expect((await readArchive(host, 'own.tar.gz')).findings).toEqual([]);
    const again = await failureOfAsync(() => writeArchive(host, { runId: 'run_001', members, output: 'own.tar.gz' }));
    expect(again.message).toContain('an archive never replaces another');
  });

  test('is not written while a secret is in it', async () => {
    const [, secret] = SECRETS[0] ?? [];
    const members = [{ path: 'toolcrib/x.json', bytes: Buffer.from(JSON.stringify(secret)) }];
    const failure = await failureOfAsync(() => writeArchive(host, { runId: 'run_001', members, output: 'own.tar.gz' }));
    expect([failure.code, existsSync(join(directory, 'own.tar.gz'))]).toEqual(['ARCHIVE_REFUSED', false]);
  });
});
