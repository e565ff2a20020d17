import { readFileSync, readdirSync } from 'node:fs';

/** Watches the resident memory of this process and its children (Linux); `stop` gives the largest that any one of them had, in bytes. */
export function watchResident(): { stop(): number } {
  let largest = 0;
  const look = (): void => {
    for (const pid of family(process.pid)) largest = Math.max(largest, peakOf(pid));
  };
  const timer = setInterval(look, 50);
  return {
    stop: () => {
      look();
      clearInterval(timer);
      return largest;
    },
  };
}

function family(pid: number): number[] {
  const children = readdirSync(`/proc/${String(pid)}/task`).flatMap((thread) => {
    const text = readText(`/proc/${String(pid)}/task/${thread}/children`).trim();
    return text === '' ? [] : text.split(' ').map(Number);
  });
  return [pid, ...children.flatMap(family)];
}

function peakOf(pid: number): number {
  const [, kilobytes] = /VmHWM:\s+(\d+) kB/u.exec(readText(`/proc/${String(pid)}/status`)) ?? [];
  return Number(kilobytes ?? 0) * 1024;
}

/** A process may end while it is looked at. */
function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
