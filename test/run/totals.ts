/** What a part of the tests found. `notes` are for the reader: what was left out, and how to have it. */
export interface Totals {
  readonly passed: number;
  readonly failed: number;
  readonly notes: readonly string[];
}

export function addUp(all: readonly Totals[]): Totals {
  return {
    passed: all.reduce((sum, { passed }) => sum + passed, 0),
    failed: all.reduce((sum, { failed }) => sum + failed, 0),
    notes: all.flatMap(({ notes }) => notes),
  };
}

export function line({ passed, failed }: Pick<Totals, 'passed' | 'failed'>): string {
  return `${String(passed)} passed, ${String(failed)} failed`;
}

/** The last line of the form "N passed, M failed" in what a program printed, if there is one. */
export function totalsIn(output: string): Pick<Totals, 'passed' | 'failed'> | undefined {
  const last = [...output.matchAll(/^(\d+) passed, (\d+) failed/gm)].at(-1);
  return last === undefined ? undefined : { passed: Number(last[1]), failed: Number(last[2]) };
}
