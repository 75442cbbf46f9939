/** Why a patch was refused: 400 BadRequest (malformed), 413 (too many operations), 422 Invalid (does not apply). */
export class PatchError extends Error {
  readonly code: 400 | 413 | 422;

  constructor(code: 400 | 413 | 422, message: string) {
    super(message);
    this.name = 'PatchError';
    this.code = code;
  }
}
