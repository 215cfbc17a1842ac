import type { Digest } from '../core/digest.ts';
import type { Arch } from '../core/target.ts';

/** One Debian package of one architecture, exactly. */
export interface DebianPin {
  readonly package: string;
  readonly version: string;
  /** Of the .deb file. */
  readonly digest: Digest;
}

/** The glibc that self-contained artifacts carry: Debian 12. Another one changes every artifact for `any`. */
export const DEBIAN_LIBC: Readonly<Record<Arch, DebianPin>> = {
  amd64: {
    package: 'libc6',
    version: '2.36-9+deb12u14',
    digest: 'sha256:ba4f88f73dbc3ae9055f3c20f4523bfdbaf1ad13ff95e258924f77d20b4fbedf',
  },
  arm64: {
    package: 'libc6',
    version: '2.36-9+deb12u14',
    digest: 'sha256:01f4330719fd4f65580e16ea5a0527f372fca750e8f588d26deaf09f2d3b1cf4',
  },
};

/** The license of glibc as every Debian has it; the package only refers to it. */
export const LGPL_FILE = '/usr/share/common-licenses/LGPL-2.1';
export const LGPL_DIGEST: Digest = 'sha256:dc626520dcd53a22f727af3ee42c770e56c97a64fe3adb063799d8ab032fe551';
