import { cruise } from 'dependency-cruiser';
import { IMPORT_RULES } from './import-rules.ts';

/** One import that a rule forbids. */
export interface ForbiddenImport {
  readonly rule: string;
  /** The importing file, relative to the package, e.g. `src/core/digest.ts`. */
  readonly from: string;
  readonly to: string;
}

/**
 * Judges the imports of `src` in a package's folder, those of types too.
 * @returns the files that were looked at, and what they may not do.
 */
export async function judgeImports(
  folder: string,
): Promise<{ files: readonly string[]; forbidden: readonly ForbiddenImport[] }> {
  const { output } = await cruise(['src'], {
    baseDir: folder,
    ruleSet: { forbidden: [...IMPORT_RULES] },
    validate: true,
    tsPreCompilationDeps: true,
    doNotFollow: { path: 'node_modules' },
    enhancedResolveOptions: { exportsFields: ['exports'], conditionNames: ['import', 'node', 'default', 'types'] },
  });
  if (typeof output === 'string') throw new Error('dependency-cruiser was asked for data and gave a text');
  return {
    files: output.modules.map(({ source }) => source).filter((path) => path.startsWith('src/')),
    forbidden: output.summary.violations.map(({ rule, from, to }) => ({ rule: rule.name, from, to })),
  };
}
