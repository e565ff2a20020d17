import * as vscode from 'vscode';
import type { AppError } from '../../core/error.ts';

/** The output channel "Sealpoint": ids, sizes, durations and error codes. Values, names of columns, keys and passphrases never reach it. */
export interface Log {
  readonly info: (message: string) => void;
  readonly failure: (what: string, error: AppError) => void;
  readonly show: () => void;
  readonly dispose: () => void;
}

export function openLog(): Log {
  const channel = vscode.window.createOutputChannel('Sealpoint', { log: true });
  return {
    info: (message) => {
      channel.info(message);
    },
    failure: (what, error) => {
      const { row, line, column } = error.place;
      const place = [
        row === undefined ? '' : ` row ${String(row)}`,
        line === undefined ? '' : ` line ${String(line)}`,
      ].join('');
      channel.error(`${what}: ${error.code}${place}${column === undefined ? '' : ' (a column is named)'}`);
    },
    show: () => {
      channel.show();
    },
    dispose: () => {
      channel.dispose();
    },
  };
}
