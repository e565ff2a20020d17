import type { ClientDocument } from '../core/artifact/deployment.ts';

/** What whoever holds client.zip learns of the model and its training data, in sentences. */
export function revealsOf(document: ClientDocument): string[] {
  const { preprocessing, task, plans } = document;
  const reveals = [
    `the names and types of the ${String(preprocessing.columns.length)} columns that the model reads`,
    'for each feature the range that the calibration rows spanned',
    'the kind of model file, and through parameters and sizes something of the number of features and outputs',
  ];
  if (preprocessing.features.some((feature) => feature.kind === 'number' && typeof feature.missing === 'number')) {
    reveals.push('the values that missing cells are filled with');
  }
  if (
    preprocessing.features.some((feature) => feature.kind === 'number' && (feature.offset !== 0 || feature.scale !== 1))
  )
    reveals.push('how numbers are scaled before trees or a norm see them');
  if (preprocessing.features.some((feature) => feature.kind !== 'number'))
    reveals.push('the categories of text columns');
  if (task.kind === 'classification') reveals.push('the class labels');
  reveals.push(`the scores of ${String(document.canaryPool)} synthetic records (canaries)`);
  for (const edges of new Set(plans.map(edgesOf))) {
    if (edges === 'listed') reveals.push('the set of distinct (feature, threshold) pairs of the trees');
    if (edges === 'grid')
      reveals.push('of the trees no split: how fine a grid they agree on, and something of their depth and number');
  }
  if (plans.some((plan) => plan.circuit.startsWith('affine'))) {
    reveals.push(
      'to those who also get scores: the weights of a linear model, which as many scores as weights determine',
    );
  }
  return reveals;
}

function edgesOf(plan: ClientDocument['plans'][number]): 'grid' | 'listed' | undefined {
  return 'thermometer' in plan ? plan.thermometer.edges.kind : undefined;
}
