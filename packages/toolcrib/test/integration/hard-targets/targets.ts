import { DOCKER } from '../../servers/docker.ts';
import { elfFile } from '../../unit/inject/elf-file.ts';
import {
  behindPrefix,
  inDirectory,
  inDisturbedDocker,
  inDocker,
  inMappedDocker,
  inMountedDocker,
  inPodman,
  inRemoteDocker,
} from './make-target.ts';
import type { HardTarget } from './target.ts';

const [STATIC, DEBIAN, OLD, MUSL, ARM64] = [
  'toolcrib-test/static',
  'toolcrib-test/debian',
  'toolcrib-test/old-glibc',
  'toolcrib-test/musl',
  'toolcrib-test/arm64',
] as const;
const content = 'the tool that ships';
const user = ['--user', '1000'];
const readOnly = '--read-only';

/** Every target, in the order of the table. */
export const TARGETS: readonly HardTarget[] = [
  inDocker({ name: 'no shell, no tar, no libc', content, image: STATIC }),
  inDocker({ name: 'no shell, no tar, no libc, `--copy`', content, image: STATIC, copy: true }),
  inDocker({ name: 'no shell, no tar, no libc, no `/etc/passwd`, `--user 1000`', content, image: STATIC, args: user }),
  inDocker({ name: 'musl, `--user 1000`', content, image: MUSL, args: user }),
  inDocker({ name: 'musl, `--user 1000`, `--copy`', content, image: MUSL, args: user, copy: true }),
  inDocker({ name: 'musl', content: 'a program for glibc', image: MUSL }),
  inDocker({ name: 'glibc 2.36 (Debian 12), `--user 1000`', content, image: DEBIAN, args: user }),
  inDocker({ name: 'glibc 2.36 (Debian 12)', content: 'a program for glibc', image: DEBIAN }),
  inDocker({ name: 'glibc 2.31 (Debian 11)', content, image: OLD }),
  inDocker({ name: 'glibc 2.31 (Debian 11)', content: 'a program for glibc', image: OLD }),
  inDocker({
    name: 'a made-up glibc 2.17',
    content: 'a program for glibc',
    image: DEBIAN,
    prepare: withLibc(elfFile({ defines: ['GLIBC_2.17'], text: 'GNU C Library stable release version 2.17.' })),
  }),
  inDocker({ name: 'arm64 under qemu', content, image: ARM64 }),
  inDocker({ name: 'arm64 under qemu, `--copy`', content, image: ARM64, copy: true }),
  inDocker({ name: 'arm64 under qemu', content: 'a program for glibc', image: ARM64 }),
  inDocker({ name: '`--cap-drop ALL`', content, args: ['--cap-drop', 'ALL'] }),
  inDocker({ name: '`--cap-drop ALL --user 1000`', args: ['--cap-drop', 'ALL', ...user] }),
  inDocker({ name: '`no-new-privileges`, `--user 1000`', args: ['--security-opt', 'no-new-privileges', ...user] }),
  inDocker({ name: '`--read-only`', args: [readOnly] }),
  inDocker({ name: '`--read-only --tmpfs /tmp:exec`', content, args: [readOnly, '--tmpfs', '/tmp:exec'] }),
  inDocker({
    name: '`--read-only --tmpfs /tmp:exec`, `--copy`',
    content,
    args: [readOnly, '--tmpfs', '/tmp:exec'],
    copy: true,
  }),
  inDocker({ name: '`--read-only --tmpfs /tmp:exec --user 1000`', args: [readOnly, '--tmpfs', '/tmp:exec', ...user] }),
  inDocker({ name: '`--read-only --tmpfs /tmp` (noexec)', args: [readOnly, '--tmpfs', '/tmp'] }),
  inDocker({ name: '`--read-only --tmpfs /tmp` (noexec)', content, args: [readOnly, '--tmpfs', '/tmp'] }),
  inDocker({
    name: '`--read-only --tmpfs /opt:exec`, no program in it',
    image: STATIC,
    args: [readOnly, '--tmpfs', '/opt:exec'],
  }),
  inDocker({
    name: '`--read-only`, a volume, `--user 1000`',
    args: [readOnly, '--volume', '/var/lib/toolcrib', ...user],
  }),
  inDocker({
    name: '`--read-only`, a volume, no program in it',
    content,
    image: STATIC,
    args: [readOnly, '--volume', '/var/lib/toolcrib'],
  }),
  inDocker({ name: 'a working directory of the host', content, args: ['--volume', '/var/tmp:/work'] }),
  inMountedDocker({ name: 'a mount by `mount-args`' }),
  inMountedDocker({ name: 'a mount by `mount-args`, `--user 1000`', args: user }),
  inMountedDocker({
    name: '`--read-only`, a mount by `mount-args`, no program in it',
    image: STATIC,
    args: [readOnly],
  }),
  inMountedDocker({ name: 'a volume by `mount-args --volume`', from: 'volume' }),
  inDocker({ name: 'tmpfs over `/var/lib/toolcrib`', args: ['--tmpfs', '/var/lib/toolcrib:exec', ...user] }),
  inDocker({ name: 'noexec tmpfs over `/var/lib/toolcrib`', args: ['--tmpfs', '/var/lib/toolcrib', ...user] }),
  inDocker({
    name: 'tmpfs over every install directory',
    args: ['/var/lib/toolcrib', '/opt/toolcrib', '/tmp/toolcrib'].flatMap((path) => ['--tmpfs', `${path}:exec`]),
  }),
  inDocker({
    name: 'full disk: a tmpfs of 256 KiB, else read-only',
    args: [readOnly, '--tmpfs', '/tmp:exec,size=256k'],
  }),
  inDocker({
    name: 'full disk: a volume of 256 KiB, else read-only',
    args: [readOnly, '--mount', limitedVolume('/var/lib/toolcrib')],
  }),
  inDocker({
    name: '`tar` that does nothing and says that it did, tmpfs',
    args: ['--tmpfs', '/place:exec'],
    install: ['/place'],
    prepare: planted('tar', 'cat > /dev/null; exit 0'),
  }),
  inDocker({
    name: '`sh`, `cat` and `tar` that lie, tmpfs',
    args: ['--tmpfs', '/place:exec'],
    install: ['/place'],
    prepare: ['tar', 'cat', 'mkdir', 'chmod'].map((name) => planted(name, 'exit 0')).join(';'),
  }),
  inDisturbedDocker({ name: 'root that renames, links, truncates and replaces meanwhile' }),
  inRemoteDocker({ name: 'an engine over TCP, no shell, no tar, no libc', content, image: STATIC }),
  inRemoteDocker({ name: 'an engine over TCP, `--user 1000`', args: user }),
  inRemoteDocker({
    name: 'an engine over TCP, `--read-only --tmpfs /tmp:exec --user 1000`',
    args: [readOnly, '--tmpfs', '/tmp:exec', ...user],
  }),
  inMappedDocker({ name: 'user namespaces (`userns-remap`)' }),
  inMappedDocker({ name: 'user namespaces (`userns-remap`), `--user 1000`', args: user }),
  inPodman('rootful', { name: 'Podman of root', content }),
  inPodman('rootful', { name: 'Podman of root, `--user 1000`', args: user }),
  inPodman('rootless', { name: 'Podman of a user (rootless)', content }),
  inPodman('rootless', { name: 'Podman of a user (rootless), `--user 1000`', args: user }),
  inPodman('rootless', { name: 'Podman of a user (rootless), no program in it', image: STATIC }),
  behindPrefix({ name: '`exec:` prefix', content, prefix: dockerExec }),
  behindPrefix({
    name: '`exec:` prefix, no tar, `--user 1000`',
    args: user,
    prepare: 'rm /bin/tar',
    prefix: dockerExec,
  }),
  behindPrefix({ name: '`exec:` prefix, `--read-only`', args: [readOnly], prefix: dockerExec }),
  inDirectory({ name: '`local:`, nothing isolated', content }),
  inDirectory({ name: '`local:`, a root file system and bubblewrap', content, image: 'toolcrib-test/busybox' }),
];

function dockerExec(name: string): readonly string[] {
  return [DOCKER, 'exec', '-i', name];
}

/** A volume that holds no more than that, by a tmpfs of the engine's own. */
function limitedVolume(path: string): string {
  const options = ['type=tmpfs', 'device=tmpfs', 'o=size=256k'].map((option) => `volume-opt=${option}`);
  return ['type=volume', 'volume-driver=local', ...options, `dst=${path}`].join(',');
}

/** A shell command that puts another C library in the place of Debian's. */
function withLibc(bytes: Buffer): string {
  return `echo ${bytes.toString('base64')} | base64 -d > /libc && mv /libc /lib/$(uname -m)-linux-gnu/libc.so.6`;
}

/** A shell command that plants a program. */
function planted(program: string, script: string): string {
  const bytes = Buffer.from(`#!/bin/busybox sh\n${script}\n`).toString('base64');
  return `echo ${bytes} | busybox base64 -d > /bin/.new && busybox chmod 755 /bin/.new && busybox mv -f /bin/.new /bin/${program}`;
}
