// Exits 0 when node_modules holds what package-lock.json names. Compares contents: git sets file times as it likes,
// and a needless `npm ci` would take node_modules away from under whatever runs at the moment.
import { readFileSync } from 'node:fs';

const readPackages = (file) => {
  try {
    return JSON.parse(readFileSync(file, 'utf8')).packages;
  } catch {
    return undefined;
  }
};

const names = (value, item) => [value ?? []].flat().includes(item);

// npm leaves out optional packages of other platforms, and what those alone depend on. Only one that is made for this
// very platform must be there; whether its libc fits is npm's to judge.
const isForThisPlatform = (entry) => names(entry.os, process.platform) && names(entry.cpu, process.arch) && !entry.libc;
const mayBeAbsent = (entry) => entry.peer || ((entry.optional || entry.devOptional) && !isForThisPlatform(entry));

const wanted = readPackages('package-lock.json');
const installed = readPackages('node_modules/.package-lock.json');

const isInstalled = ([path, entry]) => {
  const present = installed[path];
  if (present === undefined) return mayBeAbsent(entry);
  return present.version === entry.version && present.integrity === entry.integrity;
};
const isCurrent = wanted && installed && Object.entries(wanted).every((item) => item[0] === '' || isInstalled(item));
process.exitCode = isCurrent ? 0 : 1;
