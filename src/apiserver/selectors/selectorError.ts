/** Text that is no selector: answer 400 BadRequest with this message (`unable to parse requirement: …`). */
export class SelectorError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'SelectorError';
  }
}
