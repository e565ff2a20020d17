import * as z from 'zod';
import type { Model } from '../model/ir.ts';
import { clearScores } from '../model/score.ts';
import { bindColumns } from './bind.ts';
import { applyLink, type Classified, type Regressed } from './link.ts';
import { sortedClassOrder } from './predictions.ts';
import { preprocessRows } from './preprocess.ts';
import type { Cell } from './rows.ts';

const numberRows = z.array(z.array(z.number()));

/** What a model said to some rows in the library that trained it: labels with or without probabilities (classes sorted), or values. */
export const originalAnswers = z.union([
  z.object({ label: z.array(z.union([z.string(), z.number(), z.boolean()])), prob: numberRows.optional() }),
  z.object({ value: numberRows }),
]);
export type OriginalAnswers = z.infer<typeof originalAnswers>;

/** Beyond rounding to float32, which moves a row across a tree's threshold now and then. */
const probabilityTolerance = 0.01;
const valueTolerance = 1e-3;

/**
 * How many rows an imported model answers as the original did: probabilities within 0.01, else the label; values within a thousandth of
 * the larger of their own size and the typical one.
 * @throws {AppError} data.* where the model refuses a row
 */
export function countAgreeing(
  model: Model,
  answers: OriginalAnswers,
  table: { readonly file: string; readonly header: readonly string[]; readonly rows: readonly (readonly Cell[])[] },
): number {
  const { file, header, rows } = table;
  const features = preprocessRows(bindColumns(model.preprocessing, header, file), { firstRow: 0, rows }, file);
  const linked = applyLink(model.task, clearScores(model.body, features.values, rows.length), rows.length);
  const agrees =
    linked.kind === 'classification' ? classAgreement(model, linked, answers) : valueAgreement(linked, answers);
  return [...rows.keys()].filter(agrees).length;
}

function classAgreement({ task }: Model, linked: Classified, answers: OriginalAnswers): (row: number) => boolean {
  if (!('label' in answers) || task.kind !== 'classification') return () => false;
  const { probabilities, labels } = linked;
  const order = sortedClassOrder(task.classes);
  return (row) => {
    const expected = answers.prob?.[row];
    if (expected?.length === order.length && probabilities !== undefined) {
      return order.every((position, index) => {
        const error = (probabilities[row * order.length + position] ?? 0) - (expected[index] ?? Number.NaN);
        return Math.abs(error) <= probabilityTolerance;
      });
    }
    const label = answers.label[row];
    return String(task.classes[labels[row] ?? 0]) === String(typeof label === 'boolean' ? Number(label) : label);
  };
}

function valueAgreement({ values }: Regressed, answers: OriginalAnswers): (row: number) => boolean {
  if (!('value' in answers)) return () => false;
  const all = answers.value.flat();
  const typical = Math.sqrt(all.reduce((sum, value) => sum + value * value, 0) / Math.max(1, all.length));
  return (row) => {
    const expected = answers.value[row] ?? [];
    return expected.every((value, output) => {
      const error = (values[row * expected.length + output] ?? Number.NaN) - value;
      return Math.abs(error) <= valueTolerance * Math.max(Math.abs(value), typical);
    });
  };
}
