import type { Seal } from '../src/seal/library.ts';

export interface LiveHandles extends Disposable {
  /** SEAL objects made since the counting began and not yet deleted; fewer than none where older ones were. */
  readonly count: number;
}

/**
 * Counts SEAL's WebAssembly objects until disposed. Emscripten's binding layer makes each by `Object.create(prototype, {$$: …})`, by a
 * constructor or as what a method returns, and ends each by the `delete` (also `Symbol.dispose`) of one prototype that all classes share.
 */
export function countHandles(seal: Seal): LiveHandles {
  const handle = Object.getPrototypeOf(seal.Ciphertext.prototype) as Record<PropertyKey, unknown>;
  const { create } = Object;
  const deletion = handle['delete'] as (this: unknown) => void;
  let count = 0;
  Object.create = (prototype: object | null, properties?: PropertyDescriptorMap): object => {
    if (properties?.['$$'] === undefined) return create(prototype, properties ?? {}) as object;
    count += 1;
    return create(prototype, properties) as object;
  };
  handle['delete'] = handle[Symbol.dispose] = function (): void {
    deletion.call(this);
    count -= 1;
  };
  return {
    get count() {
      return count;
    },
    [Symbol.dispose]: () => {
      Object.create = create;
      handle['delete'] = handle[Symbol.dispose] = deletion;
    },
  };
}
