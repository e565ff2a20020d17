import { AppError } from '../../core/error.ts';

/** Bounds how many requests are inside at once and how many of them compute. */
export interface Gate {
  /** How many are inside, waiting or computing. */
  readonly inside: number;
  /**
   * Lets a request in, to be left by disposing.
   * @throws {BusyError} when `running + waiting` are inside
   */
  enter(): Admission;
}

export interface Admission extends Disposable {
  /** Resolves when it is this request's turn to compute, first come, first served; rejects with the signal's reason. */
  turn(signal: AbortSignal): Promise<void>;
}

/** 429 with the seconds after which coming back makes sense. */
export class BusyError extends AppError {
  readonly retryAfterSeconds: number;

  constructor(inside: number, retryAfterSeconds: number) {
    super('endpoint.busy', `The endpoint is busy with ${String(inside)} requests.`);
    this.retryAfterSeconds = retryAfterSeconds;
  }
}

const longestRetrySeconds = 60;

/** `running`: most that compute at once; `waiting`: most that wait for them. */
export function createGate(bounds: { readonly running: number; readonly waiting: number }): Gate {
  const queue: (() => void)[] = [];
  let inside = 0;
  let running = 0;
  /** Moving average of how long a request computes. */
  let averageSeconds = 0;

  const leave = (seconds: number): void => {
    averageSeconds += (seconds - averageSeconds) / 4;
    const next = queue.shift();
    // The place goes straight to the next in line: given back first, a newcomer could take it as well.
    if (next === undefined) running -= 1;
    else next();
  };

  return {
    get inside() {
      return inside;
    },
    enter() {
      if (inside >= bounds.running + bounds.waiting) {
        const seconds = Math.ceil((averageSeconds * inside) / bounds.running);
        throw new BusyError(inside, Math.min(Math.max(seconds, 1), longestRetrySeconds));
      }
      inside += 1;
      let startedAt: number | undefined;
      let isInside = true;
      return {
        async turn(signal) {
          signal.throwIfAborted();
          if (running < bounds.running) running += 1;
          else await inLine(queue, signal);
          startedAt = performance.now();
        },
        [Symbol.dispose]() {
          if (!isInside) return;
          isInside = false;
          inside -= 1;
          if (startedAt !== undefined) leave((performance.now() - startedAt) / 1000);
        },
      };
    },
  };
}

function inLine(queue: (() => void)[], signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const go = (): void => {
      signal.removeEventListener('abort', stop);
      resolve();
    };
    const stop = (): void => {
      queue.splice(queue.indexOf(go), 1);
      reject(signal.reason as Error);
    };
    signal.addEventListener('abort', stop, { once: true });
    queue.push(go);
  });
}
