import { encodingDeviation, freshDeviation, switchingDeviation, type Gain } from './bits-noise.ts';
import { roundingDeviation } from './levels.ts';
import { chainPrimes } from './moduli.ts';
import { makeParameterSet, maxCoeffModulusBits, type ParameterSet, type PolyModulusDegree } from './parameters.ts';

/** What the bits packing computes, as far as moduli and scales depend on it. */
export interface BitsNeeds {
  /** Literals of a term: ceil(log2) of them levels of products. */
  readonly literals: number;
  readonly outputs: number;
  /** Plaintext products that meet in a slot of a node vector, and of a literal. */
  readonly turns: number;
  readonly shifts: number;
  /** Key switches of a source before the first product: at the bits' own scale. */
  readonly sourceTurns: number;
  /** Key switches of a node vector, before and after it is whole. */
  readonly nodeTurns: number;
  /** The last products are divided by a prime of their own, too (with several outputs they always are): one prime more, and finer scales. */
  readonly isResultRescaled: boolean;
  /** log2 of the largest score in units of a slot. */
  readonly scoreBits: number;
  readonly gain: Gain;
}

/** Logarithms of scales: those of bits and masks are powers of two. */
export interface BitsScales {
  readonly logBitScale: number;
  /** Of the selection. */
  readonly logSelectScale: number;
  /** Of the literals' weights. */
  readonly logReadScale: number;
  /** Of the outputs' factors, where there are several outputs. */
  readonly logFactorScale: number;
}

export interface BitsLevels {
  readonly parameters: ParameterSet;
  readonly scales: BitsScales;
  /** Scale of a result. */
  readonly resultScale: number;
  /** Predicted deviation of a score, in units of a slot. */
  readonly deviation: number;
}

/** Rounds of products slot by slot. */
export function productRounds(literals: number): number {
  return literals < 2 ? 0 : Math.ceil(Math.log2(literals));
}

type Chain = Pick<BitsNeeds, 'literals' | 'outputs' | 'isResultRescaled'>;

/** Primes of the modulus that bits are encrypted under: the last one left, and one behind the literals and behind each round rescaled. */
export function dataPrimes(chain: Chain): number {
  return 2 + roundDrops(chain) + Number(chain.outputs === 1 && chain.isResultRescaled);
}

/** Rounds behind which a prime of the literals' scale is dropped. */
function roundDrops({ literals, outputs }: Chain): number {
  return Math.max(0, outputs === 1 ? productRounds(literals) - 1 : productRounds(literals));
}

/**
 * Moduli and scales at a degree: the shortest primes whose noise stays a good way below the tolerance, or else the most precise ones.
 * A source's bits, their selection and the literals' weights are multiplied without a rescale in between; the prime behind them takes the
 * literals to the scale that they are multiplied at, and one prime a round keeps it.
 * @param tolerance largest score error, in units of a slot
 * @returns undefined where no chain within the security table reaches the tolerance
 */
export function bitsLevels(
  needs: BitsNeeds,
  { degree, tolerance }: { readonly degree: PolyModulusDegree; readonly tolerance: number },
): BitsLevels | undefined {
  let best: { readonly moduli: Moduli; readonly deviation: number; readonly bits: number } | undefined;
  for (const scales of scaleChoices(needs, degree)) {
    const moduli = moduliFor(needs, scales, degree);
    if (moduli === undefined) continue;
    const deviation = deviationOf(needs, moduli);
    const bits = total(moduli.data);
    const isGood = deviation * goodDeviations <= tolerance;
    const wasGood = best !== undefined && best.deviation * goodDeviations <= tolerance;
    if (best === undefined || (isGood && wasGood ? bits < best.bits : deviation < best.deviation))
      best = { moduli, deviation, bits };
  }
  if (best === undefined || best.deviation * seenDeviations > tolerance) return undefined;
  return withPrimes(needs, best);
}

/** Below this there are too few primes of a size. */
const [leastPrime, mostPrime] = [22, 60];
/** Largest deviation seen among thousands of scores; and one beside which flooding has room. */
const [seenDeviations, goodDeviations] = [5, 40];

/** Bits of primes, and the scales that they are for. */
interface Moduli {
  readonly degree: PolyModulusDegree;
  readonly data: readonly number[];
  readonly special: number;
  readonly scales: BitsScales;
  /** log2 of the literals' scale. */
  readonly literal: number;
  /** log2 of a result's scale. */
  readonly result: number;
}

/**
 * Scales about where all kinds of noise weigh the same as that of a rescale at the literals' scale. The bits' own may be much larger: a key
 * switch under a short special prime is noisy.
 */
function* scaleChoices(
  needs: BitsNeeds,
  degree: PolyModulusDegree,
): Generator<BitsScales & { readonly literal: number }> {
  const rounding = roundingDeviation(degree);
  const even = (deviation: number) => Math.round(Math.log2(deviation / rounding));
  const select = even(encodingDeviation(degree) * Math.sqrt(needs.turns));
  const read = even(encodingDeviation(degree) * Math.sqrt(needs.shifts));
  const factor = even(encodingDeviation(degree)) + 1;
  const bit = even(freshDeviation(degree));
  for (let literal = leastPrime; literal <= 30; literal += 1)
    for (let more = 0; more <= 20; more += 1)
      for (const selectMore of [-1, 0, 1, 2])
        for (const readMore of [-1, 0, 1, 2])
          yield {
            literal,
            logBitScale: literal + bit + more,
            logSelectScale: literal + select + selectMore,
            logReadScale: literal + read + readMore,
            logFactorScale: literal + factor,
          };
}

/** @returns undefined where a prime would be too short or too long, or the security table is exceeded */
function moduliFor(
  needs: BitsNeeds,
  { literal, ...scales }: BitsScales & { readonly literal: number },
  degree: PolyModulusDegree,
): Moduli | undefined {
  const { literals, outputs } = needs;
  const read = scales.logBitScale + scales.logSelectScale + scales.logReadScale;
  // Where nothing is multiplied any more, the scale may stay larger.
  const kept = literals < 2 && outputs === 1 ? Math.min(literal + loneLiteralBits, read - leastPrime) : literal;
  const product = literals < 2 || outputs > 1 ? kept : 2 * literal;
  const isDropped = outputs === 1 && needs.isResultRescaled;
  // The fold adds a rescale's noise over all slots: some bits stay.
  const dropped = isDropped ? Math.max(leastPrime, product - literal - keptResultBits) : 0;
  const result = product - dropped + (outputs > 1 ? scales.logFactorScale : 0);
  const first = Math.max(leastPrime, Math.ceil(result + needs.scoreBits + 2));
  const drops = [...(isDropped ? [dropped] : []), ...new Array<number>(roundDrops(needs)).fill(literal)];
  const data = [first, ...drops, read - kept];
  const special = Math.min(mostPrime, maxCoeffModulusBits[degree] - total(data));
  if ([...data, special].some((bits) => bits < leastPrime || bits > mostPrime)) return undefined;
  return { degree, data, special, scales, literal: kept, result };
}

/** What a lone literal's scale has above that of one that is multiplied. */
const loneLiteralBits = 14;
/** What a rescaled result's scale has above that of the literals. */
const keptResultBits = 8;

function total(bits: readonly number[]): number {
  return bits.reduce((sum, size) => sum + size, 0);
}

/** Predicted deviation of a score, in units of a slot. */
function deviationOf(needs: BitsNeeds, { degree, data, special, scales, literal, result }: Moduli): number {
  const switching = switchingDeviation(degree, { data, special });
  const encoding = encodingDeviation(degree);
  const { logBitScale, logSelectScale, logReadScale, logFactorScale } = scales;
  const node = Math.hypot(
    freshDeviation(degree) / 2 ** logBitScale,
    (switching * Math.sqrt(needs.sourceTurns)) / 2 ** logBitScale,
    (encoding * Math.sqrt(needs.turns)) / 2 ** logSelectScale,
    (switching * Math.sqrt(needs.nodeTurns)) / 2 ** (logBitScale + logSelectScale),
  );
  const rescaled = roundingDeviation(degree) / 2 ** literal;
  const own = Math.hypot((encoding * Math.sqrt(needs.shifts)) / 2 ** logReadScale, rescaled);
  const product = Math.hypot(rescaled, switching / 4 ** literal);
  const slots = degree / 2;
  const [literalGain = 0, ...productGains] = needs.gain.rounds;
  const factors = needs.outputs === 1 ? 0 : (encoding * Math.sqrt(literalGain)) / 2 ** logFactorScale;
  return Math.hypot(
    node * Math.sqrt(needs.gain.node),
    // A lone literal is not multiplied by others that are zero: the noise of every slot counts.
    own * Math.sqrt(needs.literals < 2 ? Math.max(slots, literalGain) : literalGain),
    ...productGains.slice(0, roundDrops(needs)).map((gain) => product * Math.sqrt(gain)),
    // The last products' key switch, and those of the fold, whose noise is added over all slots.
    (switching * Math.sqrt(2 * slots)) / 2 ** result,
    needs.outputs === 1 && needs.isResultRescaled ? (roundingDeviation(degree) * Math.sqrt(slots)) / 2 ** result : 0,
    factors,
  );
}

/** @returns undefined where there are not enough primes of a size */
function withPrimes(
  needs: BitsNeeds,
  { moduli, deviation }: { readonly moduli: Moduli; readonly deviation: number },
): BitsLevels | undefined {
  const parameters = makeParameterSet({
    scheme: 'ckks',
    polyModulusDegree: moduli.degree,
    coeffModulusBits: [...moduli.data, moduli.special],
  });
  const primes = primesOf(parameters);
  if (primes === undefined) return undefined;
  return { parameters, scales: moduli.scales, resultScale: resultScale(needs, moduli.scales, primes), deviation };
}

function primesOf(parameters: ParameterSet): number[] | undefined {
  try {
    return chainPrimes(parameters).slice(0, -1).map(Number);
  } catch {
    return undefined;
  }
}

/** A result's scale as it comes out with the primes that SEAL takes; the circuit's order of rescales is repeated here. */
function resultScale(
  { literals, outputs, isResultRescaled }: Chain,
  scales: BitsScales,
  primes: readonly number[],
): number {
  const left = [...primes];
  const drop = () => left.pop() ?? 1;
  const literal = 2 ** (scales.logBitScale + scales.logSelectScale + scales.logReadScale) / drop();
  let factors = new Array<number>(literals).fill(literal);
  while (factors.length > 1) {
    const prime = factors.length > 2 || outputs > 1 || isResultRescaled ? drop() : 1;
    const pairs = factors.filter((_, index) => index % 2 === 0);
    // The odd one changes its modulus, not its scale.
    factors = pairs.map((scale, pair) => {
      const other = factors[2 * pair + 1];
      return other === undefined ? scale : (scale * other) / prime;
    });
  }
  const [product = literal] = factors;
  return outputs > 1 ? product * 2 ** scales.logFactorScale : product;
}
