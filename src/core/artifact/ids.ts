import type { SectionEntry, Sha256 } from './container.ts';

/** JSON with sorted keys and no spaces: equal values have equal texts (RFC 8785 for the plain values used here). */
export function canonicalJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(',')}]`;
  if (typeof value === 'object' && value !== null) {
    const entries = Object.entries(value).filter(([, item]) => item !== undefined);
    entries.sort(([a], [b]) => (a < b ? -1 : 1));
    return `{${entries.map(([key, item]) => `${JSON.stringify(key)}:${canonicalJson(item)}`).join(',')}}`;
  }
  return JSON.stringify(value);
}

/** Digest of an archive's content: SHA-256 of the canonical JSON of its sorted [name, SHA-256] pairs. */
export function contentDigest(entries: ReadonlyMap<string, Uint8Array>, sha256: Sha256): string {
  const pairs = [...entries].map(([name, bytes]) => [name, sha256(bytes)] as const);
  pairs.sort(([a], [b]) => (a < b ? -1 : 1));
  return sha256Text(canonicalJson(pairs), sha256);
}

/** The deployment id: the same content on both sides gives the same id on every machine. */
export function deploymentId(digests: { readonly client: string; readonly server: string }, sha256: Sha256): string {
  return sha256Text(canonicalJson({ client: digests.client, server: digests.server }), sha256);
}

/** The key id: SHA-256 over names and hashes of the evaluation keys' sections. */
export function evaluationKeysId(sections: readonly Pick<SectionEntry, 'name' | 'sha256'>[], sha256: Sha256): string {
  return sha256Text(canonicalJson(sections.map(({ name, sha256: hash }) => [name, hash])), sha256);
}

/** What a result names as its query: SHA-256 over the hashes of the query's sections. */
export function queryDigest(sections: readonly Pick<SectionEntry, 'sha256'>[], sha256: Sha256): string {
  return sha256Text(sections.map((entry) => entry.sha256).join(''), sha256);
}

function sha256Text(text: string, sha256: Sha256): string {
  return sha256(new TextEncoder().encode(text));
}
