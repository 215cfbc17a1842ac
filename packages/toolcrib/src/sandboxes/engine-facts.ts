/** What an engine tells of itself. */
export interface EngineFacts {
  /** Where it listens; carries no secret. */
  readonly address: string;
  /** Whose it is by its own word: `docker:` with a socket of Podman is Podman. */
  readonly dialect: 'docker' | 'podman';
  readonly version: string | null;
  /** Newest version of Docker's API that it speaks. */
  readonly apiVersion: string | null;
  /** E.g. `linux`. */
  readonly os: string | null;
  /** Of its machine, as it says it: `amd64`, `x86_64`. */
  readonly arch: string | null;
  readonly kernel: string | null;
  /** E.g. `overlay2`. */
  readonly storageDriver: string | null;
  /** `1` or `2`. */
  readonly cgroupVersion: string | null;
  /** True when it runs without privileges. */
  readonly rootless: boolean;
  /** True when users of containers are others outside. */
  readonly mapsUsers: boolean;
}
