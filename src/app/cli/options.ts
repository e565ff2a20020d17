import { InvalidArgumentError } from 'commander';

/** For commander: a number above `least` (excluded) and up to `most`. */
export function numberBetween(least: number, most: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (text.trim() !== '' && value > least && value <= most) return value;
    throw new InvalidArgumentError(`It must be a number above ${String(least)} and at most ${String(most)}.`);
  };
}

/** For commander: a whole number, both ends included. */
export function wholeBetween(least: number, most: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (/^\d+$/u.test(text) && value >= least && value <= most) return value;
    throw new InvalidArgumentError(`It must be a whole number from ${String(least)} to ${String(most)}.`);
  };
}

export const deploymentHelp = 'folder, client.zip, store URI or id of a deployment; the only one there is unless given';
