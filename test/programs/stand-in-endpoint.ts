import { setTimeout as sleep } from 'node:timers/promises';
import { serve } from '../../src/app/endpoint/command.ts';
import { programsOf } from '../../src/app/programs.ts';

/** The endpoint's program with an engine that takes `STAND_IN_MS` and answers with the query: for tests of starting, draining and ending. */
process.exit(
  await serve({
    args: process.argv.slice(2),
    programs: programsOf(),
    openEngine: () =>
      Promise.resolve({
        deployment: 'd'.repeat(64),
        threads: 1,
        async evaluate(query, _keys, { signal }) {
          await sleep(Number(process.env['STAND_IN_MS']), undefined, { signal });
          return { result: query, seconds: 0 };
        },
        close: () => Promise.resolve(),
      }),
  }),
);
