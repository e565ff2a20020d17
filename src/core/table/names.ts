const listed = 8;
const longest = 60;

/** Up to eight names in quotes, each cut at 60 characters, and how many more there are. */
export function quoteNames(names: readonly string[]): string {
  const shown = names
    .slice(0, listed)
    .map((name) => `"${name.length > longest ? `${name.slice(0, longest)}…` : name}"`);
  const more = names.length - shown.length;
  return shown.join(', ') + (more > 0 ? ` and ${String(more)} more` : '');
}

/** The candidate that is most like `wanted`, if one is: at most a third of its letters differ, letter case not counted. */
export function nearestName(wanted: string, candidates: readonly string[]): string | undefined {
  const target = plain(wanted);
  let best: string | undefined;
  let bestDistance = Math.floor(Math.min(target.length, longest) / 3) + 1;
  for (const candidate of candidates) {
    const distance = editDistance(target, plain(candidate), bestDistance);
    if (distance < bestDistance) {
      best = candidate;
      bestDistance = distance;
    }
  }
  return best;
}

function plain(name: string): string {
  return name
    .toLowerCase()
    .replaceAll(/[\s_.-]+/gu, '')
    .slice(0, longest);
}

/** Levenshtein's distance, or anything not below `limit` once it is clear that the limit is reached. */
function editDistance(a: string, b: string, limit: number): number {
  if (Math.abs(a.length - b.length) >= limit) return limit;
  let previous = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i += 1) {
    const current = [i];
    for (let j = 1; j <= b.length; j += 1) {
      const substituted = (previous[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      current.push(Math.min(substituted, (previous[j] ?? 0) + 1, (current[j - 1] ?? 0) + 1));
    }
    if (Math.min(...current) >= limit) return limit;
    previous = current;
  }
  return previous[b.length] ?? limit;
}
