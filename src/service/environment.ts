import type { Running } from '../core/progress.ts';

/** Gets a passphrase from a person, a file or the environment; `confirm` asks twice where a new one is chosen. */
export type AskPassphrase = (request: { readonly purpose: string; readonly confirm: boolean }) => Promise<string>;

/** A 32-byte key-encryption key kept by the editor (VS Code's SecretStorage); the command line has none. */
export interface KeyVault {
  /** The key with this fingerprint, or undefined. */
  get(fingerprint: string): Promise<Uint8Array | undefined>;
  /** The vault's own key, made on first use. */
  own(): Promise<{ readonly fingerprint: string; readonly key: Uint8Array }>;
}

/** The program files that verbs start: sources in tests, bundles in the product. */
export interface Programs {
  /** worker_threads entry with secret keys. */
  readonly clientWorker: URL;
  /** worker_threads entry of the endpoint: no secret key type is reachable from it. */
  readonly serverWorker: URL;
  /** `sealpoint serve` as a child process: called with Node and the arguments of serve. */
  readonly endpoint: URL;
  /** Run by the user's own Python: resources/convert_model.py. */
  readonly converter: URL;
}

/** What every verb gets from its app. */
export interface Environment {
  /** SEALPOINT_HOME: key sets, jobs, profiles, the local store. */
  readonly home: string;
  readonly programs: Programs;
  readonly askPassphrase?: AskPassphrase;
  readonly vault?: KeyVault;
  /** Ids, sizes, durations; never values or secrets. */
  readonly log: (message: string) => void;
  /** What a person must be told although nobody asked: that foreign code is about to run. */
  readonly notify?: (message: string) => void;
}

export type { Running };
