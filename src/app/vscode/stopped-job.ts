import { AppError } from '../../core/error.ts';

/** The failure of a job that can go on from what was verified. */
export class StoppedJob extends AppError {
  readonly job: string;

  constructor(job: string, failure: AppError) {
    super(failure.code, failure.message, { ...failure.place, hint: failure.hint, cause: failure });
    this.job = job;
  }
}
