import { relative, sep } from 'node:path';
import type { ProjectConfig } from '../config/config.ts';

type SourceConfig = Pick<
  ProjectConfig,
  'folder' | 'file' | 'sources' | 'versionFile' | 'sumsFile' | 'binaries' | 'stores'
>;

/** `:!x`, `:^x`, `:(exclude)x`, `:(top,exclude)x`. */
const EXCLUDING = /^:(?:[/]?[!^]|\((?:[^)]*,)?exclude[,)])/;

/**
 * The git pathspecs of what ships: those of the configuration, else its folder. What comes out of a build or tells of
 * one is never a source: the version file, the sums file, the binaries folder, stores. Nor is `toolcrib.json`, of which
 * only some keys change the bytes: those are compared by themselves.
 * @param contains whether git knows a path: of one outside of the work tree it wants to hear nothing.
 * @returns relative to the configuration's folder, at least one.
 */
export function sourcePathspecs(config: SourceConfig, contains: (path: string) => boolean): readonly string[] {
  const { folder, sources } = config;
  // Exclusions alone mean the whole repository to some of git's commands and the folder to others.
  const wanted = sources.every((pathspec) => EXCLUDING.test(pathspec)) ? ['.', ...sources] : sources;
  const excluded = outcomesOf(config)
    .filter((path) => path !== folder && contains(path))
    .map((path) => `:(exclude,literal)${relative(folder, path).split(sep).join('/')}`);
  return [...wanted, ...excluded];
}

function outcomesOf({ file, versionFile, sumsFile, binaries, stores }: SourceConfig): readonly string[] {
  const directories = stores.flatMap((store) => (store.kind === 'directory' ? [store.directory] : []));
  return [file, versionFile, sumsFile, binaries, ...directories];
}
