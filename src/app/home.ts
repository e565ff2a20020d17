import { homedir } from 'node:os';
import path from 'node:path';

/** What decides where Sealpoint keeps its state; handed in by tests. */
export interface Machine {
  readonly platform: NodeJS.Platform;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly homeFolder: string;
}

/**
 * The folder of key sets, jobs, profiles and the local store: SEALPOINT_HOME, else the platform's folder for program data.
 * The command line and the editor share it, so that a key set made in one is there in the other.
 */
export function sealpointHome(machine: Machine = thisMachine()): string {
  const { platform, environment, homeFolder } = machine;
  const chosen = environment['SEALPOINT_HOME'];
  if (chosen !== undefined && chosen !== '') return path.resolve(chosen);
  if (platform === 'win32') {
    return path.join(environment['LOCALAPPDATA'] ?? path.join(homeFolder, 'AppData', 'Local'), 'Sealpoint');
  }
  if (platform === 'darwin') return path.join(homeFolder, 'Library', 'Application Support', 'Sealpoint');
  const data = environment['XDG_DATA_HOME'];
  // The XDG specification wants relative paths ignored.
  const base = data !== undefined && path.isAbsolute(data) ? data : path.join(homeFolder, '.local', 'share');
  return path.join(base, 'sealpoint');
}

function thisMachine(): Machine {
  return { platform: process.platform, environment: process.env, homeFolder: homedir() };
}
