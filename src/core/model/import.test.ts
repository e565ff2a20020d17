import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { disagreement, predictTable } from '../../../test/predict.ts';
import { readTable } from '../../../test/tables.ts';
import { AppError } from '../error.ts';
import { importModel } from './import.ts';

function fixture(path: string): Uint8Array {
  return readFileSync(new URL(`../../../test/fixtures/${path}`, import.meta.url));
}

const utf8 = new TextEncoder();

function refusal(name: string, bytes: Uint8Array | string): AppError {
  try {
    importModel(name, typeof bytes === 'string' ? utf8.encode(bytes) : bytes);
  } catch (error) {
    if (error instanceof AppError) return error;
    throw error;
  }
  throw new Error(`${name} was accepted`);
}

const models = [
  ['wdbc', 'xgb_100x4.json'],
  ['wdbc', 'xgb_100x4.ubj'],
  ['wdbc', 'xgb_100x4.onnx'],
  ['wdbc', 'lgbm.txt'],
  ['wdbc', 'forest_50x5.onnx'],
  ['wdbc', 'gbt.onnx'],
  ['wdbc', 'tree.onnx'],
  ['wdbc', 'histgb.onnx'],
  ['diabetes', 'xgb_regressor.json'],
  ['diabetes', 'xgb_poisson.json'],
  ['diabetes', 'lgbm_regressor.txt'],
  ['digits', 'xgb_multi.json'],
  ['digits', 'forest.onnx'],
  ['mixed', 'xgb_missing.json'],
] as const;

describe('importModel on tree ensembles', () => {
  it.each(models)('agrees with the library that trained %s/%s', (folder, file) => {
    const model = importModel(file, fixture(`${folder}/${file}`));
    const predictions = predictTable(model, readTable(`${folder}/data.csv`));
    const expected = readTable(`${folder}/expected/${file.replace(/\..*$/u, '')}.csv`);
    const { error, labels, missingColumns } = disagreement(predictions, expected);
    expect(missingColumns).toEqual([]);
    expect(labels).toBe(0);
    expect(error).toBeLessThanOrEqual(1e-5);
  });
});

describe('importModel', () => {
  it.each([
    ['xgb_100x4.json', 'XGBoost'],
    ['xgb_100x4.ubj', 'XGBoost'],
    ['lgbm.txt', 'LightGBM'],
  ])('recognises %s by its content, whatever the name', (file, source) => {
    expect(importModel('/some/folder/model.bin', fixture(`wdbc/${file}`)).source).toContain(source);
  });

  it('reads ONNX without an extension', () => {
    expect(importModel('model', fixture('wdbc/tree.onnx')).body.kind).toBe('tree-ensemble');
  });

  it.each([
    ['model.pkl', Uint8Array.of(0x80, 4, 0x95)],
    ['model.bin', Uint8Array.of(0x80, 5, 0x95)],
    ['forest.joblib', Uint8Array.of(0x78, 0x9c, 1, 2)],
  ])('refuses the pickle %s with two lines to type', (name, bytes) => {
    const error = refusal(name, bytes);
    expect(error.code).toBe('model.unsupported');
    expect(error.place.file).toBe(name);
    const lines = error.hint?.split('\n') ?? [];
    expect(lines.filter((line) => line.startsWith('pip install') || line.startsWith('python -c'))).toHaveLength(2);
    expect(error.hint).toContain(name);
  });

  it('repeats no file name in a shell line that would need quotes', () => {
    expect(refusal(`a'; rm -rf $HOME.pkl`, Uint8Array.of(0x80, 4)).hint).not.toContain('rm -rf');
  });

  it.each([
    ['net.pt', 'PK\u0003\u0004', 'PyTorch'],
    ['net.keras', 'PK\u0003\u0004', 'Keras'],
    ['cat.cbm', 'CBM1', 'CatBoost'],
    ['old.model', 'binf....', 'old binary'],
    ['model.pmml', '<?xml version="1.0"?>', 'PMML'],
    ['model.onnx', 'version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\n', 'Git LFS'],
    ['model.zip', 'PK\u0003\u0004', 'archive'],
  ])('says what %s is and what to do', (name, content, what) => {
    const error = refusal(name, content);
    expect(error.code).toBe('model.unsupported');
    expect(error.message).toContain(what);
    expect(error.hint).toBeTruthy();
  });

  it.each([
    ['empty.json', ''],
    ['empty.onnx', ''],
    ['notes.txt', 'hello world'],
    ['noise.bin', 'hello world'],
    ['cut.json', '{"learner": {"attributes": {'],
    ['cut.ubj', '{L\u0000\u0000'],
  ])('refuses %s, which is no whole model, naming the file', (name, content) => {
    const error = refusal(name, content);
    expect(error.code).toBe('model.unreadable');
    expect(error.place.file).toBe(name);
  });

  it('refuses JSON that is something else', () => {
    expect(refusal('dump.json', '[{"nodeid": 0, "leaf": 1}]').code).toMatch(/^model\./u);
    expect(refusal('config.json', '{"a": 1}').message).toContain('learner');
  });

  it.each(['wdbc/xgb_100x4.json', 'wdbc/xgb_100x4.ubj', 'wdbc/lgbm.txt', 'wdbc/tree.onnx'])(
    'refuses %s cut anywhere',
    (path) => {
      const bytes = fixture(path);
      const name = path.replace(/^.*\//u, '');
      const ends = path.endsWith('.txt') ? bytes.toString().indexOf('end of trees') : bytes.length - 1;
      for (let part = 1; part <= 23; part += 1) {
        const error = refusal(name, bytes.subarray(0, Math.floor((ends * part) / 23)));
        expect(error.code).toMatch(/^model\.(unreadable|invalid|unsupported)$/u);
      }
    },
  );
});
