import { accessSync, constants } from 'node:fs';
import { run } from './children.ts';

/** What some parts need beyond `npm ci`. */
export type Need = 'host' | 'chromium' | 's3' | 'python';

export interface Prepared {
  /** Resolves when everything that can be fetched has been, or could not be. */
  readonly settled: Promise<void>;
  /** Why a need is not met, and what to do. Complete once `settled`. */
  readonly missing: ReadonlyMap<Need, string>;
}

/** Installs what the project can install by itself, into .host/; asks only for what it cannot. */
export function prepare(needs: ReadonlySet<Need>): Prepared {
  const missing = new Map<Need, string>();
  const settled = (async (): Promise<void> => {
    if (needs.has('chromium') && !isExecutable(process.env['CHROMIUM'] ?? '/usr/bin/chromium')) {
      missing.set(
        'chromium',
        'Chromium is missing: apt-get install chromium fonts-dejavu-core, or name it in CHROMIUM.',
      );
    }
    // One after the other: the host's installer begins with an empty .host/, in which the S3 server lies too.
    if (needs.has('host')) await install('host', ['bash', 'test/vscode/install-host.sh'], missing);
    if (needs.has('s3')) await install('s3', ['sh', 'test/servers/install-versitygw.sh'], missing);
    if (needs.has('python')) await install('python', ['python3', '-c', 'import venv, ensurepip'], missing);
  })();
  return { settled, missing };
}

const advice: Readonly<Record<Need, string>> = {
  host: 'A VS Code for the tests could not be installed (out/test/install-host.log says why).',
  chromium: '',
  s3: 'An S3 server for the tests could not be installed (out/test/install-s3.log says why); Go 1.25 or Python with venv brings one.',
  python: 'Python 3 with venv is missing: apt-get install python3-venv.',
};

async function install(need: Need, command: readonly [string, ...string[]], missing: Map<Need, string>): Promise<void> {
  const [program, ...options] = command;
  const code = await run(`install-${need}`, program, options).then(
    (ended) => ended.code,
    () => undefined, // not even the program is there
  );
  if (code !== 0) missing.set(need, advice[need]);
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
