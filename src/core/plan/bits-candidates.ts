import type { Steps } from '../progress.ts';
import {
  babyTurns,
  bitsBytes,
  bitsGaloisSteps,
  bitsMemory,
  bitsSeconds,
  layoutWork,
  nodeTurns,
  type BitsSteps,
  type LayoutWork,
} from './bits-cost.ts';
import { layTerms } from './bits-layout.ts';
import { bitsLevels, dataPrimes, type BitsLevels } from './bits-levels.ts';
import { largestGain, type Gain } from './bits-noise.ts';
import { bitPlaces, sourceShape, type SourceShape } from './bits-source.ts';
import type { SlotTerms } from './bits-terms.ts';
import { secondsPerByte } from './line.ts';
import { largestHeapBytes } from './memory.ts';
import type { PolyModulusDegree } from './parameters.ts';
import type { Thermometer } from './thermometer.ts';

/** What a layout is searched for. */
export interface LayoutSearch {
  readonly slotTerms: SlotTerms;
  readonly thermometer: Thermometer;
  readonly outputs: number;
  /** Largest score error, in units of a slot. */
  readonly tolerance: number;
}

/** A layout and a way to split up its work, before moduli are found for them. */
interface Draft {
  readonly source: SourceShape;
  readonly work: LayoutWork;
  readonly gain: () => Steps<Gain>;
  readonly steps: BitsSteps;
  readonly isResultRescaled: boolean;
  readonly seconds: number;
}

/** One way to evaluate the terms, with moduli. */
export interface Candidate extends Draft {
  readonly levels: BitsLevels;
  readonly galoisSteps: readonly number[];
  readonly queryBytes: number;
  readonly resultBytes: number;
  readonly memoryBytes: number;
}

const degrees = [4096, 8192, 16384] as const;
const strides = [1, 2, 4, 8, 16, 32];
/** Strides in a window; a literal's bits compete for its slots. */
const windowStrides = [1.5, 2, 3, 4, 6, 8];
/** Wider windows cost more turns than they save. */
const widestWindow = 64;
const stepSizes = [1, 2, 4, 8, 16, 32];
/** A query has no more. */
const largestQueryBytes = 7e6;
/** If these have no moduli, slower ones are not worth it. */
const draftsTried = 32;

/** For each number of copies that the client may send the fastest way, at the smallest degree that serves; best first. */
export function* bitsCandidates(request: LayoutSearch): Steps<Candidate[]> {
  const candidates: Candidate[] = [];
  for (const degree of degrees) {
    const drafts = yield* draftsAt(request, degree);
    candidates.push(...(yield* candidatesOf(request, degree, drafts)));
    const [best] = bestFirst(candidates);
    // Where noise leaves but slow ways, a larger ring may be faster.
    if (best !== undefined && costOf(best) <= 2 * (drafts[0]?.seconds ?? 0) + lineSeconds(best)) break;
  }
  return bestFirst(candidates);
}

/** For each number of copies the fastest draft for which there are moduli. @param drafts fastest first */
function* candidatesOf(request: LayoutSearch, degree: PolyModulusDegree, drafts: readonly Draft[]): Steps<Candidate[]> {
  const candidates: Candidate[] = [];
  for (const copies of stepSizes) {
    // Both chains are given their chance: what is faster by a prime may have no precise moduli at all.
    for (const isResultRescaled of [false, true]) {
      const own = drafts.filter(
        (draft) => draft.steps.copies === copies && draft.isResultRescaled === isResultRescaled,
      );
      for (const draft of own.slice(0, draftsTried)) {
        yield;
        const candidate = yield* candidateOf(request, degree, draft);
        if (candidate === undefined) continue;
        candidates.push(candidate);
        break;
      }
    }
  }
  return candidates;
}

/** Every layout with all ways to split up its work, fastest first. */
function* draftsAt(request: LayoutSearch, degree: PolyModulusDegree): Steps<Draft[]> {
  const { thermometer, outputs } = request;
  const { terms, rows, literals } = request.slotTerms;
  const places = bitPlaces(thermometer);
  const chains = outputs === 1 && literals > 1 ? [false, true] : [false];
  const drafts: Draft[] = [];
  const wanted = [...everyWindow()];
  for (const [done, { stride, window }] of wanted.entries()) {
    yield { stage: 'Planning', done, total: wanted.length, unit: 'layouts' };
    const source = sourceShape(thermometer.bits, degree / 2, stride);
    const layout = yield* layTerms(terms, { source, window, places });
    if (layout === undefined) continue;
    const work = layoutWork(layout, { sources: source.ciphertexts, outputs });
    const gain = once(() => largestGain(layout.terms, rows));
    for (const isResultRescaled of chains) {
      const ring = { degree, primes: dataPrimes({ literals, outputs, isResultRescaled }) };
      for (const steps of everySteps())
        drafts.push({ source, work, gain, steps, isResultRescaled, seconds: bitsSeconds(work, steps, ring) });
    }
  }
  return drafts.sort((a, b) => a.seconds - b.seconds);
}

/** Computed when it is first wanted. */
function once<Outcome extends object>(compute: () => Steps<Outcome>): () => Steps<Outcome> {
  let known: Outcome | undefined;
  return function* () {
    return (known ??= yield* compute());
  };
}

function* everyWindow(): Generator<{ readonly stride: number; readonly window: number }> {
  for (const stride of strides)
    for (const window of new Set(windowStrides.map((factor) => Math.ceil(stride * factor))))
      if (window <= widestWindow) yield { stride, window };
}

function* everySteps(): Generator<BitsSteps> {
  for (const copies of stepSizes)
    for (const babySteps of stepSizes)
      for (const windowSteps of stepSizes) if (babySteps >= copies) yield { copies, babySteps, windowSteps };
}

function* candidateOf(request: LayoutSearch, degree: PolyModulusDegree, draft: Draft): Steps<Candidate | undefined> {
  const { work, steps, source } = draft;
  const { scoreBits, literals } = request.slotTerms;
  const groups = Math.max(1, work.layout.groups);
  const needs = {
    literals,
    outputs: request.outputs,
    turns: Math.max(1, Math.ceil(work.selections / groups)),
    shifts: Math.max(1, Math.ceil(work.readings / (groups * Math.max(1, literals)))),
    sourceTurns: babyTurns(work, steps),
    nodeTurns: nodeTurns(work, steps),
    isResultRescaled: draft.isResultRescaled,
    scoreBits,
    gain: yield* draft.gain(),
  };
  const levels = bitsLevels(needs, { degree, tolerance: request.tolerance });
  if (levels === undefined) return undefined;
  const galoisSteps = bitsGaloisSteps(work, steps, source);
  const { parameters } = levels;
  const memoryBytes = bitsMemory(work, steps, { parameters, galoisSteps });
  const bytes = bitsBytes(work, steps, parameters);
  if (bytes.queryBytes > largestQueryBytes || memoryBytes > largestHeapBytes) return undefined;
  return { ...draft, levels, galoisSteps, memoryBytes, ...bytes };
}

/** Least time on server and line together. */
function bestFirst(candidates: readonly Candidate[]): Candidate[] {
  return [...candidates].sort((a, b) => costOf(a) - costOf(b));
}

/** Predicted seconds on server and line. */
export function costOf(candidate: Candidate): number {
  return candidate.seconds + lineSeconds(candidate);
}

function lineSeconds({ queryBytes, resultBytes }: Candidate): number {
  return queryBytes * secondsPerByte.sent + resultBytes * secondsPerByte.received;
}
