import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { inOneGo } from '../../../test/in-one-go.ts';
import { clearLayoutScores } from '../../../test/clear-bits.ts';
import { ensembleOf, seenTrees } from '../../../test/tree-ensembles.ts';
import { ensembleArbitrary, rowsArbitrary } from '../../../test/tree-writers.ts';
import { treeScores } from '../model/trees/evaluate.ts';
import { layTerms } from './bits-layout.ts';
import { bitPlaces, sourceShape, sourceSlots, turnTo } from './bits-source.ts';
import { pathTerms } from './path-terms.ts';
import { thermometerBits } from './thermometer.ts';

const shapes = fc.record({
  slots: fc.constantFrom(16, 32, 1024),
  stride: fc.constantFrom(1, 2, 8),
  strides: fc.integer({ min: 2, max: 6 }),
  spread: fc.constantFrom('one output' as const, 'all outputs' as const),
});
const drawn = ensembleArbitrary.chain((ensemble) =>
  fc.record({ ensemble: fc.constant(ensemble), rows: rowsArbitrary(ensemble.features), shape: shapes }),
);

describe('a layout of terms', () => {
  it('gives in every slot arithmetic what the trees give, in one vector or several', () => {
    let laidOut = 0;
    let several = 0;
    fc.assert(
      fc.property(drawn, ({ ensemble: source, rows, shape }) => {
        const ensemble = { ...ensembleOf(source, shape.spread), base: new Float64Array(source.outputs) };
        const { thermometer, trees } = seenTrees(ensemble);
        const { terms, base } = inOneGo(pathTerms(trees, thermometer, source.outputs));
        const slots = sourceShape(thermometer.bits, shape.slots, shape.stride);
        const places = bitPlaces(thermometer);
        const layout = inOneGo(layTerms(terms, { source: slots, window: shape.strides * shape.stride, places }));
        if (layout === undefined) return;
        laidOut += 1;
        several += Number(layout.groups > 1);
        for (const row of rows) {
          const features = Float64Array.from(row);
          const expected = treeScores(ensemble, features, 1);
          const truth = thermometerBits(thermometer, features, 1);
          const scores = clearLayoutScores(layout, { source: slots, places, truth }, source.outputs);
          for (const [output, score] of scores.entries())
            expect(score + base[output]!).toBeCloseTo(expected[output]!, 9);
        }
      }),
      { numRuns: 500 },
    );
    // Otherwise nothing was shown.
    expect(laidOut).toBeGreaterThan(200);
    expect(several).toBeGreaterThan(5);
  });

  it('reads no node outside its window and lays no two terms or nodes in one slot', () => {
    fc.assert(
      fc.property(drawn, ({ ensemble: source, shape }) => {
        const { thermometer, trees } = seenTrees(ensembleOf(source, shape.spread));
        const { terms } = inOneGo(pathTerms(trees, thermometer, source.outputs));
        const window = shape.strides * shape.stride;
        const slots = sourceShape(thermometer.bits, shape.slots, shape.stride);
        const layout = inOneGo(layTerms(terms, { source: slots, window, places: bitPlaces(thermometer) }));
        if (layout === undefined) return;
        expect(layout.reads.every(({ slot, shift }) => shift < window && slot + shift < shape.slots)).toBe(true);
        const distinct = (places: readonly { group: number; slot: number }[]) =>
          new Set(places.map(({ group, slot }) => group * shape.slots + slot)).size;
        expect(distinct(layout.terms)).toBe(terms.length);
        expect(distinct(layout.nodes)).toBe(layout.nodes.length);
      }),
    );
  });
});

describe('the slots of a record', () => {
  it('bring a bit to a slot by the turn that is named', () => {
    const anyCase = fc.record({
      bits: fc.integer({ min: 1, max: 400 }),
      stride: fc.constantFrom(1, 2, 4, 16),
      slots: fc.constantFrom(64, 128),
      bit: fc.nat(),
      slot: fc.nat(),
    });
    let found = 0;
    fc.assert(
      fc.property(anyCase, ({ bits, stride, slots, ...at }) => {
        const shape = sourceShape(bits, slots, stride);
        const places = Int32Array.from({ length: bits }, (_, place) => place);
        const bit = at.bit % bits;
        const truth = Uint8Array.from({ length: bits }, (_, index) => Number(index === bit));
        const slot = (((at.slot * stride + bit) % slots) + slots) % slots;
        const turn = turnTo(shape, bit, slot);
        if (turn === undefined) return;
        found += 1;
        const source = sourceSlots(shape, places, truth)[Math.floor(bit / shape.period)]!;
        expect(source[(slot + turn * stride) % slots]).toBe(1);
      }),
    );
    expect(found).toBeGreaterThan(50);
  });

  it('spread the bits of equal edges over the remainders of the stride', () => {
    const offset = Uint32Array.from({ length: 31 }, (_, feature) => 32 * feature);
    const places = bitPlaces({ offset, bits: 960 });
    const missing = Array.from({ length: 30 }, (_, feature) => places[32 * feature + 31]! % 16);
    expect(new Set(missing).size).toBe(16);
    expect([...places].sort((a, b) => a - b)).toEqual(Array.from({ length: 960 }, (_, place) => place));
  });
});
