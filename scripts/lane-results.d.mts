/** One run of vitest, with its JSON report when it wrote one. */
export interface Lane {
  readonly name: string;
  readonly exitCode: number;
  readonly report?: unknown;
}

export interface Sum {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
  readonly failures: readonly string[];
  readonly skips: readonly string[];
}

export function sumLanes(lanes: readonly Lane[], options: { readonly forbidSkips: boolean }): Sum;
export function formatSum(sum: Pick<Sum, 'passed' | 'failed' | 'skipped'>): string;
