import { AppError } from '../../core/error.ts';

/** What is kept when a person chooses again. */
export interface KeptAnswers {
  readonly model: string;
  readonly calibration: string;
  readonly output: string | undefined;
}

/** A model for which no plan came out: another mode or other tolerances may have one. */
export class RefusedPlan extends AppError {
  readonly answers: KeptAnswers;

  constructor(answers: KeptAnswers, failure: AppError) {
    super(failure.code, failure.message, { ...failure.place, hint: failure.hint, cause: failure });
    this.answers = answers;
  }
}
