/** Why a body was refused: 400 BadRequest, 413 RequestEntityTooLarge or 415 UnsupportedMediaType. */
export class BodyError extends Error {
  readonly code: 400 | 413 | 415;

  constructor(code: 400 | 413 | 415, message: string) {
    super(message);
    this.name = 'BodyError';
    this.code = code;
  }
}
