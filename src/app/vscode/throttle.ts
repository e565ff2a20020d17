/** A function that passes values on at most once in `intervalMs`: the first at once, then the latest. */
export interface Throttled<T> extends Disposable {
  readonly push: (value: T) => void;
}

/** For values of which only the newest counts, such as progress. Disposing forgets the value that still waits. */
export function throttle<T>(intervalMs: number, pass: (value: T) => void): Throttled<T> {
  let waiting: { readonly value: T } | undefined;
  let timer: ReturnType<typeof setTimeout> | undefined;
  const open = (): void => {
    timer = undefined;
    if (waiting === undefined) return;
    const { value } = waiting;
    waiting = undefined;
    send(value);
  };
  const send = (value: T): void => {
    timer = setTimeout(open, intervalMs);
    pass(value);
  };
  return {
    push: (value) => {
      if (timer === undefined) send(value);
      else waiting = { value };
    },
    [Symbol.dispose]: () => {
      clearTimeout(timer);
      waiting = undefined;
    },
  };
}
