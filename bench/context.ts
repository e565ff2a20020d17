import { type BenchContext, type Figure, median, type Measuring } from './bench.ts';

/** A context that keeps its figures in `figures`. */
export function benchContext(folder: string, figures: Figure[], log: (message: string) => void): BenchContext {
  const record = (figure: Figure): void => {
    figures.push(figure);
    log(`${figure.what}: ${String(Number(figure.value.toPrecision(4)))} ${figure.unit}`);
  };
  return {
    folder,
    log,
    record,
    async measure(what, work, options = {}) {
      const times = await timesOf(work, options);
      const value = median(times);
      record({
        what,
        value,
        unit: 'ms',
        repeats: times.length,
        range: [Math.min(...times), Math.max(...times)],
        ...(options.goal === undefined ? {} : { goal: options.goal }),
        ...(options.peer === undefined ? {} : { peer: options.peer }),
      });
      return value;
    },
  };
}

async function timesOf(work: () => unknown, { repeats = 5, warmUps = 1 }: Measuring): Promise<readonly number[]> {
  for (let count = 0; count < warmUps; count += 1) await work();
  const times: number[] = [];
  while (times.length < repeats) {
    const start = performance.now();
    await work();
    times.push(performance.now() - start);
  }
  return times;
}
