/** Names of the sections of a .spk file, by parameter set. */
export const keySection = {
  publicKey: (parameters: string) => `${parameters}/public-key`,
  relinearization: (parameters: string) => `${parameters}/relinearization-keys`,
  galois: (parameters: string) => `${parameters}/galois-keys`,
} as const;
