import SEAL, { type MainModule } from 'node-seal/throws';
import { AppError } from '../core/error.ts';

export type Seal = MainModule;

let loading: Promise<Seal> | undefined;

/** The WebAssembly build of SEAL, loaded once a thread. Its .wasm lies beside the module (or the bundle) that imports it. */
export async function loadSeal(): Promise<Seal> {
  loading ??= SEAL();
  try {
    return await loading;
  } catch (cause) {
    throw new AppError('seal.unloadable', 'SEAL (WebAssembly) could not be loaded.', {
      cause,
      hint: 'Node 22.12 or VS Code 1.101 or newer is needed.',
    });
  }
}

/**
 * Runs an operation of SEAL; its C++ exceptions, which are no Errors, become `seal.failed` with their text.
 * @param action what was attempted, for the message
 */
export function callSeal<Result>(action: string, operation: () => Result): Result {
  try {
    return operation();
  } catch (cause) {
    if (cause instanceof AppError) throw cause;
    throw new AppError('seal.failed', `SEAL refused: ${action} (${textOf(cause)}).`, { cause });
  }
}

/**
 * Adds or subtracts in place. What cancels exactly, as equal ciphertexts do, would be a ciphertext that anybody can read, which SEAL refuses.
 * @returns whether anything is left; if not, the place holds nothing of use
 */
export function leavesSomething(addition: () => void): boolean {
  try {
    addition();
    return true;
  } catch (cause) {
    if (textOf(cause).includes('transparent')) return false;
    throw cause;
  }
}

/** C++ errors arrive as WebAssembly.Exception whose `message` is [type, text]. */
function textOf(cause: unknown): string {
  const message: unknown = typeof cause === 'object' && cause !== null && 'message' in cause ? cause.message : cause;
  return Array.isArray(message) ? message.map(String).join(': ') : String(message);
}
