import { existsSync } from 'node:fs';
import { realpath } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { ProjectConfig, ToolPins } from '../config/config.ts';
import { hasCode } from '../core/errors.ts';
import { onDisk } from '../disk/storage-error.ts';
import { INSTALL_STATE_VARIABLE, statedInstallation, type Installation } from '../resolve/install-state.ts';
import { gitReferenceOf, installedPackage, type InstalledPackage } from '../resolve/package-origin.ts';
import type { Host } from './host.ts';
import type { Project } from './project.ts';

/** A project's pins, and how it got here. */
export interface InstalledProject {
  readonly pins: ToolPins;
  readonly install: Installation;
}

/**
 * Reads the pins of a project as its install state has them.
 * @throws as {@link readInstallation} and `Project.readPins`. In an edited checkout pins of another version count for
 * nothing: the next ones come with the next release.
 */
export async function readInstalledProject(project: Project, host: Host): Promise<InstalledProject> {
  const install = await readInstallation(project, host);
  try {
    return { install, pins: await project.readPins() };
  } catch (error) {
    const { config } = project;
    if (install.state !== 'edited' || config === undefined || !hasCode(error, 'SUMS_INVALID')) throw error;
    const { pinsOf, readVersion } = await import('../config/read-pins.ts');
    return { install, pins: pinsOf(config, await readVersion(config), new Map()) };
  }
}

/**
 * How a project got to where it is: what the user says (`TOOLCRIB_INSTALL_STATE`), else where it lies and what git tells.
 * Git is asked only in a checkout.
 * @throws UsageError `USAGE` for a state that there is not, `CONFIG_INVALID`, `VERSION_INVALID`; RemoteError `STORAGE`; the
 * signal's reason.
 */
export async function readInstallation(project: Project, host: Host): Promise<Installation> {
  const stated = statedInstallation(host.env[INSTALL_STATE_VARIABLE]);
  if (stated !== undefined) return stated;
  const { config } = project;
  if (config === undefined) return { state: 'clean', reason: 'it is the tool that ships with toolcrib' };
  const folder = await realFolder(config);
  const installed = installedPackage(folder);
  if (isCheckout(folder, installed?.packages)) {
    const { judgeCheckout } = await import('./edited-sources.ts');
    return await judgeCheckout(config, host);
  }
  if (installed !== undefined) return await judgePackage(installed);
  return { state: 'clean', reason: `${folder} is in no git repository` };
}

async function realFolder({ folder }: ProjectConfig): Promise<string> {
  return await onDisk('examine', folder, () => realpath(folder));
}

/** Whether a folder, or one above it, is a work tree. A package is not part of the one that it is installed in. */
function isCheckout(folder: string, limit: string | undefined): boolean {
  for (let at = folder; at !== limit; at = dirname(at)) {
    if (existsSync(join(at, '.git'))) return true;
    if (dirname(at) === at) return false;
  }
  return false;
}

async function judgePackage(installed: InstalledPackage): Promise<Installation> {
  const reference = await gitReferenceOf(installed);
  if (reference !== undefined) return { state: 'clean', reason: `it was installed from ${reference}` };
  return { state: 'package', reason: `it was installed into ${installed.packages}` };
}
