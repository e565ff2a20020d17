import type { AppError, ErrorPlace } from '../../core/error.ts';
import { relativePath } from './words.ts';

/** What a person reads on stderr: the message, where, what to do; with `verbose` also what lies below. */
export function failureText(error: AppError, { verbose }: { readonly verbose: boolean }): string {
  const place = placeText(error.place);
  return [
    `sealpoint: ${error.message}`,
    ...(place === '' ? [] : [`  at   ${place}`]),
    ...(error.hint === undefined ? [] : [`  hint ${error.hint.replaceAll('\n', '\n       ')}`]),
    ...(verbose ? causesOf(error) : []),
  ].join('\n');
}

function placeText({ file, row, line, column }: ErrorPlace): string {
  return [
    ...(file === undefined ? [] : [relativePath(file)]),
    ...(row === undefined ? [] : [`row ${String(row)}`]),
    ...(line === undefined ? [] : [`line ${String(line)}`]),
    ...(column === undefined ? [] : [`column ${JSON.stringify(column)}`]),
  ].join(', ');
}

function causesOf(error: AppError): string[] {
  const lines: string[] = [`  code ${error.code}`];
  for (let cause = error.cause; cause instanceof Error; cause = cause.cause)
    lines.push(`  from ${cause.stack ?? cause.message}`);
  return lines;
}
