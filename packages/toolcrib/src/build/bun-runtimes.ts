import type { Digest } from '../core/digest.ts';
import type { Arch } from '../core/target.ts';

/** One npm package that holds one Bun executable, pinned twice: as npm publishes it, and what is in it. */
export interface BunRuntime {
  readonly package: string;
  readonly version: string;
  /** Of the tarball, as npm publishes it. */
  readonly integrity: `sha512-${string}`;
  /** Of the executable in it. */
  readonly executable: Digest;
}

const VERSION = '1.4.5';
/** Where the executable is in every one of the packages. */
export const BUN_MEMBER = 'package/bin/bun';

/** What tools are compiled with and run on. A newer version changes every artifact: raise it with a tool's version. */
export const BUN_RUNTIMES: Readonly<Record<Arch, Readonly<Record<'glibc' | 'musl', BunRuntime>>>> = {
  amd64: {
    glibc: {
      package: '@oven/bun-linux-x64',
      version: VERSION,
      integrity: 'sha512-IWX9BELoGHAUtMonkeSaNaZwXzRk+oDw6Mk+HBFXd3KHYIBNBsIGRupMZPcgNoDbJpLu6gAJjIoIVPZtt1aJ1g==',
      executable: 'sha256:f05d28a3862f4b84395c7fa32480b835dd47482e80b7e7a49a115227f0c06083',
    },
    musl: {
      package: '@oven/bun-linux-x64-musl',
      version: VERSION,
      integrity: 'sha512-10QoW/YfTgnURaGEaHpJCiXjLI2e5iTtfVDaA5JKcyUzaa1cq6cVUY9/Uq5XkYzvtRjHLRe9Oj/lTDIQcxy8HQ==',
      executable: 'sha256:cf5d285ddbe256785a5121a3c113191a6b577504976374c7cfd5aedca609b720',
    },
  },
  arm64: {
    glibc: {
      package: '@oven/bun-linux-aarch64',
      version: VERSION,
      integrity: 'sha512-4BXmsSKnjOrlGWqZV4x/oWa7AVoR+B6lCXddMzOAXBIm3t50eslg9wb66gmtW1AamEQ1l1CDvmmruysEhqOWMg==',
      executable: 'sha256:04778f1f42399a69d086853e9c7af4acf574b2f21a43d0dc673853d8b84a2923',
    },
    musl: {
      package: '@oven/bun-linux-aarch64-musl',
      version: VERSION,
      integrity: 'sha512-XCNc+WvvMAdNNb+OWTogpy+N9wm62fkVeEVLb6how0RZhW5LPi6c7BlkeVCuWps7XjEl2saFpHFa20/1E+PAHg==',
      executable: 'sha256:9c48986093073afec8b76a3e285303598dd2462f52748aecb65e4d94866e1ea3',
    },
  },
};
