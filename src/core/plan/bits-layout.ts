import type { Steps } from '../progress.ts';
import type { Literal, Term } from './path-terms.ts';
import { turnTo, type SourceShape } from './bits-source.ts';

/**
 * Where everything lies in the bits packing. The selection brings bits to nodes: slots of one vector, each the copy of a bit. A term has one
 * slot, too, and each of its literals reads nodes in a window that begins at that slot. So a literal is a sum over few turns of the node
 * vector, products of literals are slot by slot, and where a node lies is free within a window: with a selection that turns by multiples of
 * a stride only, a window of a few strides nearly always has room for what a term lacks.
 */
export interface BitsLayout {
  /** Vectors of nodes and terms: more than one where there are too many for the slots. */
  readonly groups: number;
  /** Literals of a term; shorter ones are filled up by ones. */
  readonly literals: number;
  /** Node (group, slot) copies what ciphertext `ciphertext` has there when it is turned left by `turn` strides. */
  readonly nodes: readonly {
    readonly group: number;
    readonly slot: number;
    readonly ciphertext: number;
    readonly turn: number;
  }[];
  /** A term's literal at (group, slot): constant + the sum of weight * node (slot + shift). */
  readonly reads: readonly (LiteralSlot & { readonly shift: number; readonly weight: number })[];
  readonly constants: readonly (LiteralSlot & { readonly value: number })[];
  readonly terms: readonly LaidTerm[];
}

/** A term where it lies: its literals in order, undefined where it has none and one is multiplied. */
export interface LaidTerm extends Pick<Term, 'factors'> {
  readonly group: number;
  readonly slot: number;
  readonly literals: readonly (Literal | undefined)[];
}

interface LiteralSlot {
  readonly group: number;
  readonly literal: number;
  readonly slot: number;
}

export interface LayoutRequest {
  readonly source: SourceShape;
  /** A literal reads nodes at shifts 0 .. window - 1. */
  readonly window: number;
  /** Of each bit, as bits-source.ts has it. */
  readonly places: Int32Array;
}

/** So many slots are tried for a term behind the first free one before the rest: near its neighbours, which share its nodes. */
const nearbySlots = 64;

interface Group {
  /** In each slot the place of the bit that the node there copies, or -1. */
  readonly nodes: Int32Array;
  readonly terms: Uint8Array;
  first: number;
}

/** A way to lay a term: its slot, the slots of the nodes it reads in the order of its bits, and which of them are new. */
interface Attempt {
  readonly slot: number;
  readonly read: readonly number[];
  readonly added: ReadonlyMap<number, number>;
}

/** @returns undefined where a term has more nodes than any window holds */
export function* layTerms(terms: readonly Term[], request: LayoutRequest): Steps<BitsLayout | undefined> {
  const groups: Group[] = [emptyGroup(request.source.slots)];
  const wanted = countBits(terms);
  const laid: { readonly term: Term; readonly group: number; readonly attempt: Attempt }[] = [];
  for (const term of terms) {
    yield;
    const search = { bits: bitsOf(term), wanted, request };
    let attempt = layTerm(groups.at(-1) ?? emptyGroup(0), search);
    if (attempt === undefined) {
      groups.push(emptyGroup(request.source.slots));
      attempt = layTerm(groups.at(-1) ?? emptyGroup(0), search);
    }
    if (attempt === undefined) return undefined;
    laid.push({ term, group: groups.length - 1, attempt });
    for (const bit of search.bits) wanted.set(bit, (wanted.get(bit) ?? 0) - 1);
  }
  return yield* describe(laid, groups, request);
}

function emptyGroup(slots: number): Group {
  return { nodes: new Int32Array(slots).fill(-1), terms: new Uint8Array(slots), first: 0 };
}

function bitsOf({ literals }: Term): number[] {
  return literals.flatMap(({ weights }) => [...weights.keys()]);
}

function countBits(terms: readonly Term[]): Map<number, number> {
  const wanted = new Map<number, number>();
  for (const term of terms) for (const bit of bitsOf(term)) wanted.set(bit, (wanted.get(bit) ?? 0) + 1);
  return wanted;
}

interface Search {
  /** What the term reads. */
  readonly bits: readonly number[];
  /** How often each bit is read by terms not laid yet. */
  readonly wanted: ReadonlyMap<number, number>;
  readonly request: LayoutRequest;
}

/** Lays a term where it needs fewest new nodes among the slots nearby, or else in the first slot that has room. */
function layTerm(group: Group, search: Search): Attempt | undefined {
  const best = bestAttempt(group, search);
  if (best === undefined) return undefined;
  group.terms[best.slot] = 1;
  for (const [slot, place] of best.added) group.nodes[slot] = place;
  group.first = Math.max(group.first, best.slot - nearbySlots / 2);
  return best;
}

function bestAttempt(group: Group, search: Search): Attempt | undefined {
  const last = group.nodes.length - search.request.window;
  let best: Attempt | undefined;
  for (let slot = group.first; slot <= last; slot += 1) {
    if (slot >= group.first + nearbySlots && best !== undefined) return best;
    if (group.terms[slot] === 1) continue;
    best = attemptAt(group, slot, { ...search, fewerThan: best?.added.size ?? Number.POSITIVE_INFINITY }) ?? best;
    if (best?.added.size === 0) return best;
  }
  return best;
}

function attemptAt(group: Group, slot: number, search: Search & { readonly fewerThan: number }): Attempt | undefined {
  const added = new Map<number, number>();
  const read: number[] = [];
  for (const bit of search.bits) {
    const place = search.request.places[bit] ?? 0;
    let node = findNode(group, { slot, place, window: search.request.window });
    if (node === undefined) {
      // A node that others will read stands as far ahead as it may, so that their windows reach it.
      const ahead = (search.wanted.get(bit) ?? 0) > 1;
      node = freeNode(group, added, { slot, place, ahead, request: search.request });
      if (node === undefined) return undefined;
      added.set(node, place);
      if (added.size >= search.fewerThan) return undefined;
    }
    read.push(node);
  }
  return { slot, read, added };
}

function findNode(
  { nodes }: Group,
  { slot, place, window }: { readonly slot: number; readonly place: number; readonly window: number },
): number | undefined {
  const found = nodes.subarray(slot, slot + window).indexOf(place);
  return found < 0 ? undefined : slot + found;
}

function freeNode(
  { nodes }: Group,
  added: ReadonlyMap<number, number>,
  want: {
    readonly slot: number;
    readonly place: number;
    readonly ahead: boolean;
    readonly request: LayoutRequest;
  },
): number | undefined {
  const { slot, place, request } = want;
  const { stride } = request.source;
  let chosen: number | undefined;
  for (
    let node = slot + ((((place - slot) % stride) + stride) % stride);
    node < slot + request.window;
    node += stride
  ) {
    if (nodes[node] !== -1 || added.has(node) || turnTo(request.source, place, node) === undefined) continue;
    chosen = node;
    if (!want.ahead) break;
  }
  return chosen;
}

function* describe(
  laid: readonly { readonly term: Term; readonly group: number; readonly attempt: Attempt }[],
  groups: readonly Group[],
  { source }: LayoutRequest,
): Steps<BitsLayout> {
  const count = laid.reduce((most, { term }) => Math.max(most, term.literals.length), 0);
  const reads: BitsLayout['reads'][number][] = [];
  const constants: BitsLayout['constants'][number][] = [];
  const opened = new Set<string>();
  const factors = productFactors(count);
  const terms: LaidTerm[] = [];
  for (const { term, group, attempt } of laid) {
    yield;
    const { slot } = attempt;
    const literals = new Array<Literal | undefined>(count).fill(undefined);
    for (const { literal, shifts } of withShifts(term, attempt)) {
      const index = cheapestLiteral(literals, shifts, { group, opened, factors });
      literals[index] = literal;
      for (const { shift, weight } of shifts) {
        opened.add([group, index, shift].join('/'));
        reads.push({ group, literal: index, slot, shift, weight });
      }
    }
    for (const [index, literal] of literals.entries()) {
      const value = literal?.constant ?? 1;
      if (value !== 0) constants.push({ group, literal: index, slot, value });
    }
    terms.push({ group, slot, literals, factors: term.factors });
  }
  const nodes = groups.flatMap(({ nodes: places }, group) => nodesOf(places, group, source));
  return { groups: laid.length === 0 ? 0 : groups.length, literals: count, nodes, reads, constants, terms };
}

function nodesOf(nodes: Int32Array, group: number, source: SourceShape): BitsLayout['nodes'][number][] {
  return Array.from(nodes, (place, slot) => ({ place, slot }))
    .filter(({ place }) => place >= 0)
    .map(({ place, slot }) => {
      return { group, slot, ciphertext: Math.floor(place / source.period), turn: turnTo(source, place, slot) ?? 0 };
    });
}

interface ShiftedLiteral {
  readonly literal: Literal;
  readonly shifts: readonly { readonly shift: number; readonly weight: number }[];
}

/** A term's literals with the shifts of what they read, nearest first. */
function withShifts({ literals }: Term, { slot, read }: Attempt): ShiftedLiteral[] {
  let next = 0;
  return literals
    .map((literal) => ({
      literal,
      shifts: [...literal.weights.values()].map((weight) => {
        next += 1;
        return { shift: (read[next - 1] ?? slot) - slot, weight };
      }),
    }))
    .sort((a, b) => (a.shifts[0]?.shift ?? 0) - (b.shifts[0]?.shift ?? 0));
}

/**
 * Which of a term's literals is which is free. Each goes where the products above it have fewest others so far, so that what is no part of
 * the answer is zero in both factors of a product, and noise in one of them comes to nothing; among equals, where most of its shifts cost a
 * product already.
 */
function cheapestLiteral(
  taken: readonly (Literal | undefined)[],
  shifts: ShiftedLiteral['shifts'],
  known: {
    readonly group: number;
    readonly opened: ReadonlySet<string>;
    readonly factors: readonly (readonly number[][])[];
  },
): number {
  const cost = (index: number): number[] => [
    ...known.factors.map((factors) => {
      const factor = factors.find((members) => members.includes(index)) ?? [];
      return factor.filter((member) => taken[member] !== undefined).length;
    }),
    shifts.filter(({ shift }) => !known.opened.has([known.group, index, shift].join('/'))).length,
  ];
  const free = [...taken.keys()].filter((index) => taken[index] === undefined);
  return free.reduce((best, index) => (comesBefore(cost(index), cost(best)) ? index : best));
}

function comesBefore(a: readonly number[], b: readonly number[]): boolean {
  const place = a.findIndex((value, index) => value !== b[index]);
  return place >= 0 && (a[place] ?? 0) < (b[place] ?? 0);
}

/** Which literals each factor of each round of products holds, the last round first; neighbours are multiplied. */
function productFactors(literals: number): number[][][] {
  const rounds: number[][][] = [];
  let factors = Array.from({ length: literals }, (_, literal) => [literal]);
  while (factors.length > 1) {
    rounds.unshift(factors);
    factors = factors
      .filter((_, index) => index % 2 === 0)
      .map((first, pair) => [...first, ...(factors[2 * pair + 1] ?? [])]);
  }
  return rounds.slice(0, -1);
}
