import { releaseManifestName, releaseOf, storedSumsName } from '../core/release-names.ts';
import type { ListedFile } from '../core/store-listing.ts';
import { EXTENSIONS_PATH, type ListedPack } from '../core/stored-pack.ts';
import { escapeHtml } from './escape-html.ts';
import { formatSize } from './size.ts';

interface Release {
  readonly tool: string;
  readonly version: number;
  readonly files: readonly ListedFile[];
}

const STYLE = `body { font: 1rem/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem }
code { font-size: .85rem; color: #666; overflow-wrap: anywhere }
li { margin-bottom: .5rem } h3 { margin-bottom: 0 }
:root { color-scheme: light dark }`;

/**
 * The page of a store for a person: releases by tool, the newest version first. Plain HTML that a text browser of 80
 * columns shows as well; no script, and links that also hold below a path.
 */
export function renderStorePage(files: readonly ListedFile[], packs: readonly ListedPack[] = []): string {
  const sorted = [...files].sort((a, b) => (a.name < b.name ? -1 : 1));
  const releases = releasesOf(sorted);
  const tools = [...new Set(releases.map(({ tool }) => tool))];
  const others = sorted.filter(({ name }) => releaseOf(name) === undefined);
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>toolcrib store</title>
<style>${STYLE}</style>
<h1>toolcrib store</h1>
${files.length + packs.length === 0 ? '<p>Nothing is published here yet.</p>\n' : ''}${tools.map((tool) => renderTool(tool, releases)).join('')}${
    others.length === 0 ? '' : `<h2>Other files</h2>\n${renderFiles(others)}`
  }${packs.length === 0 ? '' : renderPacks(packs)}<p>A file is what the sums file in git says it is. The sums here are a copy:
<code>sha256sum -c --ignore-missing TOOL-vN.SHA256SUMS</code></p>
`;
}

/** By name; versions as they sort, which is the order of nobody in particular. */
function renderPacks(packs: readonly ListedPack[]): string {
  const key = ({ name, version }: ListedPack): string => `${name} ${version}`;
  const sorted = [...packs].sort((a, b) => (key(a) < key(b) ? -1 : 1));
  return `<h2>Extensions</h2>\n<ul>\n${sorted.map(renderPack).join('')}</ul>\n`;
}

function renderPack({ name, version, size, digest }: ListedPack): string {
  const path = [...name.split('/'), version].map(encodeURIComponent).join('/');
  const href = escapeHtml(`.${EXTENSIONS_PATH}/${path}/artifact`);
  const text = escapeHtml(`${name}@${version}`);
  return `<li><a href="${href}">${text}</a> ${formatSize(size)}<br><code>${escapeHtml(digest)}</code></li>\n`;
}

/** Of one tool together, versions descending. */
function releasesOf(files: readonly ListedFile[]): readonly Release[] {
  const releases = new Map<string, { tool: string; version: number; files: ListedFile[] }>();
  for (const file of files) {
    const release = releaseOf(file.name);
    if (release === undefined) continue;
    const key = `${release.tool} ${release.version}`;
    const known = releases.get(key) ?? { ...release, files: [] };
    known.files.push(file);
    releases.set(key, known);
  }
  return [...releases.values()].sort((a, b) => (a.tool === b.tool ? b.version - a.version : a.tool < b.tool ? -1 : 1));
}

function renderTool(tool: string, releases: readonly Release[]): string {
  const own = releases.filter((release) => release.tool === tool);
  return `<h2>${escapeHtml(tool)}</h2>\n${own.map(renderRelease).join('')}`;
}

function renderRelease({ tool, version, files }: Release): string {
  const names = new Set(files.map(({ name }) => name));
  const isComplete = names.has(storedSumsName(tool, version)) && names.has(releaseManifestName(tool, version));
  return `<h3>v${version}: ${isComplete ? 'complete' : 'not complete, do not use'}</h3>\n${renderFiles(files)}`;
}

function renderFiles(files: readonly ListedFile[]): string {
  return `<ul>\n${files.map(renderFile).join('')}</ul>\n`;
}

function renderFile({ name, size, digest }: ListedFile): string {
  const text = escapeHtml(name);
  const href = escapeHtml(`./${encodeURIComponent(name)}`);
  return `<li><a href="${href}">${text}</a> ${formatSize(size)}<br><code>${escapeHtml(digest)}</code></li>\n`;
}
