import { describe, expect, test } from 'vitest';
import { identityOf, rootOwnerOf } from '../../../src/sandboxes/docker/identity.ts';

const endpoint = { kind: 'unix', address: 'unix:///engine.sock', socketPath: '/engine.sock' } as const;

describe('a container as its engine describes it', () => {
  test.each([
    { dialect: 'docker', of: {}, owner: 0 },
    { dialect: 'docker', of: { ResolvConfPath: '/var/lib/docker/containers/ab/resolv.conf' }, owner: 0 },
    { dialect: 'docker', of: { HostnamePath: '/var/lib/docker/165536.165537/containers/ab/hostname' }, owner: 165_536 },
    { dialect: 'docker', of: { LogPath: '/d/7.7/containers/ab', HostConfig: { UsernsMode: 'host' } }, owner: 0 },
    { dialect: 'podman', of: { ResolvConfPath: '/run/165536.165536/containers/ab' }, owner: undefined },
  ] as const)('tells who root is in its archives: %j', ({ dialect, of, owner }) => {
    expect(rootOwnerOf(of, dialect)).toBe(owner);
  });

  test('has tmpfs mounts where programs start or do not, by the habits of the engine', () => {
    const HostConfig = { Tmpfs: { '/plain': '', '/exec': 'rw,exec', '/noexec': 'noexec,ro' } };
    const startable = (dialect: 'docker' | 'podman') =>
      identityOf({ Id: 'ab', HostConfig }, undefined, { endpoint, dialect })
        .mounts.filter(({ kind, executable }) => kind === 'tmpfs' && executable)
        .map(({ path }) => path);
    expect(startable('docker')).toEqual(['/exec']);
    expect(startable('podman')).toEqual(['/exec', '/plain']);
  });

  test('has volumes where programs do not start when they are bound so', () => {
    const Mounts = [
      { Type: 'volume', Destination: '/vol', RW: true },
      { Type: 'bind', Destination: '/idle/', RW: false },
    ];
    const container = { Id: 'ab', Mounts, HostConfig: { Binds: ['vol:/vol:rw,exec', '/host:/idle:ro,noexec'] } };
    const { mounts } = identityOf(container, undefined, { endpoint, dialect: 'podman' });
    expect(mounts).toContainEqual({ path: '/vol', kind: 'volume', writable: true, executable: true });
    expect(mounts).toContainEqual({ path: '/idle', kind: 'bind', writable: false, executable: false });
  });
});
