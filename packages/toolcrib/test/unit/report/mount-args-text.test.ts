import { expect, test } from 'vitest';
import { parse } from 'yaml';
import { formatMountArgs, type MountFacts } from '../../../src/report/mount-args-text.ts';

const path = '/var/lib/toolcrib/tools-v3-aaaaaaaaaaaa-mount';
const digest = `sha256:${'a'.repeat(64)}`;
const tree: MountFacts = { tool: 'tools', digest, path, source: { kind: 'directory', path: '/srv/tools-v3' } };
const volume: MountFacts = { ...tree, source: { kind: 'volume', name: 'tools', path: '/var/lib/docker/tools' } };

test('engines get one read-only mount', () => {
  expect(formatMountArgs(tree, 'docker')).toBe(`--mount type=bind,source=/srv/tools-v3,target=${path},readonly`);
  expect(formatMountArgs(tree, 'podman')).toBe(`--mount type=bind,source=/srv/tools-v3,target=${path},ro=true`);
  expect(formatMountArgs(volume, 'docker')).toBe(`--mount type=volume,source=tools,target=${path},readonly`);
});

test('compose gets a volume of a service, and for a named volume what stands beside the services', () => {
  const bind = { type: 'bind', source: '/srv/tools-v3', target: path, read_only: true };
  expect(parse(formatMountArgs(tree, 'compose') ?? '')).toEqual({
    volumes: [{ ...bind, bind: { create_host_path: false } }],
  });
  const text = formatMountArgs(volume, 'compose') ?? '';
  expect(parse(text)).toEqual({ volumes: [{ type: 'volume', source: 'tools', target: path, read_only: true }] });
  const beside = text
    .replace(/^[^#].*\n/gm, '')
    .replace(/^# /gm, '')
    .replace('and beside "services":\n', '');
  expect(parse(beside)).toEqual({ volumes: { tools: { external: true } } });
});

test('a pod gets a directory of its node, which has to be there, and no volume of an engine', () => {
  expect(parse(formatMountArgs(tree, 'kubernetes') ?? '')).toEqual({
    volumeMounts: [{ name: 'toolcrib-aaaaaaaaaaaa', mountPath: path, readOnly: true }],
    volumes: [{ name: 'toolcrib-aaaaaaaaaaaa', hostPath: { path: '/srv/tools-v3', type: 'Directory' } }],
  });
  expect(formatMountArgs(volume, 'kubernetes')).toBe(undefined);
});
