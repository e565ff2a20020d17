import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { classicAttributes, modernAttributes } from '../../../../test/onnx-tree-writers.ts';
import {
  encodeUbjson,
  ensembleArbitrary,
  lightgbmText,
  naiveScores,
  rowsArbitrary,
  xgboostDocument,
  type DrawnEnsemble,
} from '../../../../test/tree-writers.ts';
import type { Body } from '../ir.ts';
import { clearScores } from '../score.ts';
import { importLightgbm } from './lightgbm.ts';
import { importOnnxTrees } from './onnx-trees.ts';
import { decodeUbjson } from './ubjson.ts';
import { importXgboost } from './xgboost-json.ts';

const readers: Readonly<Record<string, (drawn: DrawnEnsemble) => Body>> = {
  'XGBoost JSON': (drawn) => importXgboost(JSON.stringify(xgboostDocument(drawn))).body,
  'XGBoost UBJ': (drawn) => importXgboost(decodeUbjson(Uint8Array.from(encodeUbjson(xgboostDocument(drawn))))).body,
  'LightGBM text': (drawn) => importLightgbm(lightgbmText(drawn)).body,
  'ONNX TreeEnsembleRegressor': (drawn) => importOnnxTrees(classicAttributes(drawn)).ensemble,
  'ONNX TreeEnsemble': (drawn) => importOnnxTrees(modernAttributes(drawn)).ensemble,
};

describe('tree importers', () => {
  it.each(Object.entries(readers))('evaluate random trees written as %s like the definition', (_, read) => {
    const drawn = ensembleArbitrary.chain((ensemble) =>
      fc.record({ ensemble: fc.constant(ensemble), rows: rowsArbitrary(ensemble.features) }),
    );
    fc.assert(
      fc.property(drawn, ({ ensemble, rows }) => {
        const scores = clearScores(read(ensemble), Float64Array.from(rows.flat()), rows.length);
        // Leaves and bases are multiples of 1/8, so that sums are exact in any order.
        expect([...scores]).toEqual(rows.flatMap((row) => naiveScores(ensemble, row)).map((score) => score + 0));
      }),
      { numRuns: 200 },
    );
  });
});
