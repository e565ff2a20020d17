import { AppError, type ErrorCode } from '../core/error.ts';

interface Meaning {
  readonly code: ErrorCode;
  readonly says: string;
  readonly hint?: string;
}

const meanings: Readonly<Record<string, Meaning>> = {
  ENOENT: {
    code: 'io.not-found',
    says: 'it does not exist',
    hint: 'Check the path; a folder on the way may be missing.',
  },
  EACCES: { code: 'io.forbidden', says: 'permission denied', hint: 'Check the rights of the file and its folder.' },
  EPERM: {
    code: 'io.forbidden',
    says: 'operation not permitted',
    hint: 'Check the rights of the file and its folder.',
  },
  EROFS: { code: 'io.forbidden', says: 'the file system is read-only', hint: 'Choose a folder that can be written.' },
  ENOSPC: {
    code: 'io.no-space',
    says: 'the disk is full',
    hint: 'Free some space or choose another disk, then run again.',
  },
  EDQUOT: {
    code: 'io.no-space',
    says: 'the disk quota is used up',
    hint: 'Free some space or choose another disk, then run again.',
  },
  EFBIG: { code: 'io.no-space', says: 'the file would be larger than this disk allows', hint: 'Choose another disk.' },
  EEXIST: { code: 'io.exists', says: 'it exists already', hint: 'Choose another name or remove it first.' },
  EISDIR: { code: 'io.failed', says: 'it is a folder', hint: 'Name a file.' },
  ENOTDIR: { code: 'io.failed', says: 'a part of the path is a file, not a folder', hint: 'Check the path.' },
  ENAMETOOLONG: { code: 'io.failed', says: 'the name is too long', hint: 'Choose a shorter name.' },
  ELOOP: { code: 'io.failed', says: 'symbolic links go in a circle', hint: 'Check the links on the path.' },
  EMFILE: {
    code: 'io.failed',
    says: 'too many files are open',
    hint: 'Close other programs or raise the limit (ulimit -n).',
  },
  ENFILE: { code: 'io.failed', says: 'too many files are open', hint: 'Close other programs or raise the limit.' },
  EBUSY: {
    code: 'io.failed',
    says: 'another program uses it',
    hint: 'Close the program that uses the file, then run again.',
  },
  EIO: { code: 'io.failed', says: 'the disk reported an error', hint: 'Check the disk.' },
};

/** The code of a system error ("ENOENT"), or undefined for anything else. */
export function systemCode(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined;
}

/**
 * What a failed file operation means to a person: `Cannot <action> <path>: <reason>.` with an io.* code and a hint.
 * AppErrors and aborts come back as they are; an error that no file system makes becomes `io.failed`, its cause kept.
 * @param action verb in the infinitive: "read", "write", "list"
 */
export function toIoError(error: unknown, action: string, path: string): Error {
  if (error instanceof AppError) return error;
  if (error instanceof Error && error.name === 'AbortError') return error;
  const code = systemCode(error);
  const meaning = code === undefined ? undefined : meanings[code];
  const says = meaning?.says ?? messageOf(error);
  return new AppError(meaning?.code ?? 'io.failed', `Cannot ${action} ${path}: ${says}.`, {
    file: path,
    hint: meaning?.hint,
    cause: error,
  });
}

function messageOf(error: unknown): string {
  return systemCode(error) ?? (error instanceof Error ? error.message : 'unknown failure');
}
